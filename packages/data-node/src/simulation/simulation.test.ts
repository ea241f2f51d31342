import { seedOf } from '@meridian/testkit'
import { describe, expect, it } from 'vitest'
import { check } from './checker.ts'
import { LEASE_WAIT_MS } from './lease-world.ts'
import { simulate } from './simulation.ts'
import type { SimulationOptions, SimulationRun } from './simulation.ts'

const SEEDS = Number(process.env['MERIDIAN_SIM_SEEDS'] ?? 150)
/** These runs are longer. */
const LEASE_SEEDS = Math.ceil(SEEDS / 5)

describe('three replicas of one shard under arbitrary changes of leader', () => {
  it(`keeps I7 and I13 to I21 over ${SEEDS} seeds, and comes to rest once healed`, () => {
    const perSeed = runSeeds('replica simulation', {})
    // A green run in which these did not happen would be void.
    expect(perSeed['acknowledged']).toBeGreaterThan(20)
    expect(perSeed['reads']).toBeGreaterThan(10)
    expect(perSeed['refusals']).toBeGreaterThan(20)
    expect(perSeed['unknown']).toBeGreaterThan(0.5)
    expect(perSeed['leaders']).toBeGreaterThan(2)
    expect(perSeed['crashes']).toBeGreaterThan(3)
    expect(perSeed['trims']).toBeGreaterThan(0.3)
    expect(perSeed['duplicates']).toBeGreaterThan(0.3)
  }, 120_000)

  it(`keeps them when old entries return, over ${SEEDS} seeds`, () => {
    const perSeed = runSeeds('old entries return', { oldEntriesReturn: true })
    expect(perSeed['acknowledged']).toBeGreaterThan(5)
    expect(perSeed['leaders']).toBeGreaterThan(2)
  }, 120_000)

  it(`loses nothing when the range goes to another region and back as planned, over ${SEEDS} seeds`, () => {
    const perSeed = runSeeds('planned transfers', { regions: { unplanned: 0 } })
    expect(perSeed['acknowledged']).toBeGreaterThan(20)
    expect(perSeed['moves']).toBeGreaterThan(0.5)
    expect(perSeed['installs']).toBeGreaterThan(0.1)
    expect(perSeed['lost']).toBe(0)
  }, 120_000)

  it(`reports everything that a takeover loses, over ${SEEDS} seeds (I22)`, () => {
    const perSeed = runSeeds('takeovers', { regions: { unplanned: 0.7 } })
    expect(perSeed['acknowledged']).toBeGreaterThan(20)
    expect(perSeed['moves']).toBeGreaterThan(1)
    expect(perSeed['lost']).toBeGreaterThan(0.5)
    expect(perSeed['staleReads']).toBeGreaterThan(2)
    expect(perSeed['installs']).toBeGreaterThan(0.5)
  }, 120_000)

  it(`keeps them while the replica set changes, over ${SEEDS} seeds`, () => {
    const perSeed = runSeeds('replica changes', { moves: {} })
    expect(perSeed['acknowledged']).toBeGreaterThan(20)
    expect(perSeed['moves']).toBeGreaterThan(1)
    expect(perSeed['installs']).toBeGreaterThan(0.02)
    const unheard = runSeeds('moves given up', { moves: { givenUpUnheard: true } }, LEASE_SEEDS)
    expect(unheard['acknowledged']).toBeGreaterThan(20)
    expect(unheard['reads']).toBeGreaterThan(10)
  }, 120_000)

  it('keeps them with lease reads at nodes that are stopped and cut off under clocks that drift (I9)', () => {
    for (const worstClocks of [false, true]) {
      const perSeed = runSeeds('lease reads', { leases: { waitMs: LEASE_WAIT_MS, worstClocks } }, LEASE_SEEDS)
      expect(perSeed['leaseReads']).toBeGreaterThan(10)
      expect(perSeed['leaders']).toBeGreaterThan(1.5)
    }
  }, 120_000)
})

/** What happened, on average per seed. */
function runSeeds(name: string, options: SimulationOptions, seeds = SEEDS): Record<string, number> {
  const first = seedOf(name)
  const sums: Record<string, number> = {}
  for (let offset = 0; offset < seeds; offset++) {
    const seed = (first + offset) >>> 0
    let run: SimulationRun
    try {
      run = simulate(seed, options)
    } catch (error) {
      throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
    }
    expect({ seed, stuck: run.stuck, found: check(run.history).slice(0, 3) }).toEqual({
      seed,
      stuck: undefined,
      found: [],
    })
    for (const [what, count] of Object.entries(run.counts)) sums[what] = (sums[what] ?? 0) + count
  }
  const perSeed = Object.fromEntries(Object.entries(sums).map(([what, sum]) => [what, sum / seeds]))
  if (process.env['MERIDIAN_SIM_PRINT'] === '1') process.stderr.write(`${name}: ${JSON.stringify(perSeed)}\n`)
  return perSeed
}
