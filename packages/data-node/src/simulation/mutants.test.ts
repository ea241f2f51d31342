import { describe, expect, it } from 'vitest'
import { check } from './checker.ts'
import { LEASE_WAIT_MS } from './lease-world.ts'
import { simulate } from './simulation.ts'
import type { SimulationOptions } from './simulation.ts'

interface Mutant {
  readonly name: string
  readonly options: SimulationOptions
  /** Invariants of which at least one must be reported. */
  readonly caughtBy: readonly string[]
  /** Where the search begins: near a seed that was once seen to find it, which saves time and nothing else. */
  readonly firstSeed?: number
}

const MUTANTS: readonly Mutant[] = [
  {
    name: 'a replica does not refuse lower tokens',
    options: {
      rules: {
        ratchet: (promised, offered) =>
          offered.generation > promised.generation ||
          (offered.generation === promised.generation && offered.epoch > promised.epoch)
            ? 'raised'
            : 'kept',
      },
    },
    caughtBy: ['I13', 'I15', 'I18', 'I19', 'I20'],
  },
  { name: 'a leader seals itself only', options: { rules: { sealQuorum: () => 1 } }, caughtBy: ['I14', 'I15', 'I19'] },
  {
    name: 'one durable copy is called committed',
    options: { rules: { writeQuorum: () => 1 } },
    caughtBy: ['I15', 'I19', 'I20'],
  },
  {
    name: 'a new leader builds on its own log',
    options: { rules: { compareLogs: () => 0 } },
    caughtBy: ['I15', 'I19', 'I20'],
  },
  {
    name: 'entries of older tokens are counted as committed',
    options: { rules: { mayCount: () => true }, oldEntriesReturn: true },
    caughtBy: ['I15', 'I19', 'I20'],
  },
  { name: 'a quorum read asks nobody', options: { rules: { readQuorum: () => 1 } }, caughtBy: ['I18'], firstSeed: 190 },
  { name: 'the disk forgets promises', options: { faults: { forgetsPromises: true } }, caughtBy: ['I13'] },
  {
    name: 'replicas answer before the disk has it',
    options: { faults: { repliesEarly: true } },
    caughtBy: ['I13', 'I15', 'I19', 'I20'],
  },
  {
    name: 'the table of duplicates is in memory only',
    options: { faults: { duplicatesInMemory: true } },
    caughtBy: ['I20'],
    firstSeed: 1_150,
  },
  { name: 'any token may enter by the door', options: { faults: { opensDoor: true } }, caughtBy: ['I16'] },
  { name: 'demotion answers "failed"', options: { faults: { failsUnknown: true } }, caughtBy: ['I21'] },
  {
    name: 'a lease is counted from the receipt',
    options: { leases: { waitMs: LEASE_WAIT_MS }, faults: { leasesFromReceipt: true } },
    caughtBy: ['I18'],
  },
  {
    name: 'the lease is checked by a timer',
    options: { leases: { waitMs: LEASE_WAIT_MS }, faults: { checksLeaseByTimer: true } },
    caughtBy: ['I18'],
    firstSeed: 1_000,
  },
  {
    name: 'the grantor waits no longer than the lease',
    options: { leases: { waitMs: 2_000, worstClocks: true } },
    caughtBy: ['I18'],
  },
]

/** The seeds are fixed: whether a mutant is found must not depend on the day. */
const SEEDS_MAX = 5_000

describe('the checker notices when', () => {
  it.each(MUTANTS)(
    '$name',
    ({ name, options, caughtBy, firstSeed = 1 }) => {
      let asserted = 0
      for (let offset = 0; offset < SEEDS_MAX; offset++) {
        let found: string[]
        try {
          // The core's own assertions are quicker; the checker has to find it from the outside all the same.
          const run = simulate(firstSeed + offset, { ...options, survivesAssertions: true })
          asserted += run.counts.assertions
          found = check(run.history)
        } catch {
          // A disk too broken to open.
          asserted += 1
          continue
        }
        if (found.some((line) => caughtBy.some((invariant) => line.startsWith(invariant)))) {
          if (process.env['MERIDIAN_SIM_PRINT'] === '1') {
            process.stderr.write(`${name}: seed ${firstSeed + offset}, ${asserted} assertions before: ${found[0]}\n`)
          }
          return
        }
      }
      expect.fail(`not noticed in ${SEEDS_MAX} seeds from ${firstSeed}, with ${asserted} assertions`)
    },
    120_000,
  )
})
