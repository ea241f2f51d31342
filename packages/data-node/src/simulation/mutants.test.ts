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
    firstSeed: 1170,
  },
  {
    name: 'the table of duplicates is trimmed by time',
    options: { faults: { trimsDuplicates: true } },
    caughtBy: ['I20'],
  },
  {
    name: 'the table of duplicates stays behind when a state moves',
    options: { faults: { movesWithoutDuplicates: true }, moves: {} },
    caughtBy: ['I20'],
  },
  { name: 'any token may enter by the door', options: { faults: { opensDoor: true } }, caughtBy: ['I16'] },
  { name: 'demotion answers "failed"', options: { faults: { failsUnknown: true } }, caughtBy: ['I21'] },
  {
    name: 'learners count for the write quorum',
    options: {
      rules: { writeSets: ({ members, learners }) => [[...members.replicas, ...learners]] },
      regions: { unplanned: 0 },
    },
    caughtBy: ['I15', 'I19', 'I20'],
    firstSeed: 230,
  },
  {
    name: 'entries that a takeover leaves behind are dropped',
    options: { rules: { quarantined: () => [] }, regions: { unplanned: 0.7 } },
    caughtBy: ['I22'],
  },
  {
    name: 'a state counts from its first piece on',
    options: { faults: { countsHalfStates: true }, regions: { unplanned: 0.7 } },
    caughtBy: ['I15', 'I20'],
  },
  {
    name: 'a frozen leader takes writes',
    options: { rules: { takesFrozenWrites: true }, regions: { unplanned: 0 } },
    caughtBy: ['I19'],
  },
  {
    name: 'a frozen leader answers reads',
    options: { rules: { answersFrozenReads: true }, regions: { unplanned: 0 } },
    caughtBy: ['I18'],
    firstSeed: 160,
  },
  {
    name: 'a new leader of a frozen shard does not know of the freeze',
    options: { regions: { unplanned: 0, forgetsFreeze: true } },
    caughtBy: ['I18', 'I19'],
  },
  {
    name: 'a barrier is told below what is undecided',
    options: { regions: { unplanned: 0, tellsEarlyBarrier: true } },
    caughtBy: ['I18', 'I19'],
  },
  {
    name: 'a transfer does not ask how far the target has come',
    options: { regions: { unplanned: 0, commitsBlindly: true } },
    caughtBy: ['I15', 'I18', 'I19', 'I20'],
  },
  {
    name: 'a region goes on after its authority ran out',
    options: { faults: { acknowledgesAnyway: true }, regions: { unplanned: 0.7 } },
    caughtBy: ['I18'],
    firstSeed: 1_440,
  },
  {
    name: 'the age of a state counts from the receipt of the word of its leader',
    options: { faults: { agesFromReceipt: true }, regions: { unplanned: 0 } },
    caughtBy: ['I28'],
  },
  {
    name: 'a state is as young as the word of its leader, whether it has come to it or not',
    options: { faults: { agesWithoutWaiting: true }, regions: { unplanned: 0 } },
    caughtBy: ['I28'],
  },
  {
    name: 'the age of a state is taken from an index of another log',
    options: { faults: { agesAcrossLogs: true }, regions: { unplanned: 0.7 } },
    caughtBy: ['I28'],
    firstSeed: 2_610,
  },
  {
    name: 'two sets: only the new one seals',
    options: { rules: { sealSets: ({ members }) => [members.replicas] }, moves: {} },
    caughtBy: ['I14', 'I15', 'I19'],
  },
  {
    name: 'two sets: only the new one has to hold an entry',
    options: { rules: { writeSets: ({ members }) => [members.replicas] }, moves: {} },
    caughtBy: ['I15', 'I19', 'I20'],
    firstSeed: 300,
  },
  {
    name: 'two sets: only the new one confirms a read',
    options: { rules: { readSets: ({ members }) => [members.replicas] }, moves: { givenUpUnheard: true } },
    caughtBy: ['I18'],
  },
  {
    name: 'the old set is let go before both have decided',
    options: { moves: { endsEarly: true } },
    caughtBy: ['I15', 'I19', 'I20'],
  },
  {
    name: 'a lease is counted from the receipt',
    options: { leases: { waitMs: LEASE_WAIT_MS }, faults: { leasesFromReceipt: true } },
    caughtBy: ['I18'],
    firstSeed: 70,
  },
  {
    name: 'the lease is checked by a timer',
    options: { leases: { waitMs: LEASE_WAIT_MS }, faults: { checksLeaseByTimer: true } },
    caughtBy: ['I18'],
    firstSeed: 1840,
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
