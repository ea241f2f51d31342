import { seedOf } from '@meridian/testkit'
import { describe, expect, it } from 'vitest'
import { check } from './checker.ts'
import { simulate } from './simulation.ts'

const SEEDS = Number(process.env['MERIDIAN_SIM_SEEDS'] ?? 150)

describe('three replicas of one shard under arbitrary changes of leader', () => {
  it(`keeps I7 and I13 to I21 over ${SEEDS} seeds, and comes to rest once healed`, () => {
    const first = seedOf('replica simulation')
    const sums: Record<string, number> = {}
    for (let offset = 0; offset < SEEDS; offset++) {
      const seed = (first + offset) >>> 0
      let run
      try {
        run = simulate(seed)
      } catch (error) {
        throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
      }
      expect({ seed, stuck: run.stuck, found: check(run.history).slice(0, 3) }).toEqual({
        seed,
        stuck: undefined,
        found: [],
      })
      for (const [name, count] of Object.entries(run.counts)) sums[name] = (sums[name] ?? 0) + count
    }
    // A green run in which these did not happen would be void.
    const perSeed = Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, sum / SEEDS]))
    expect(perSeed['acknowledged']).toBeGreaterThan(20)
    expect(perSeed['reads']).toBeGreaterThan(10)
    expect(perSeed['refusals']).toBeGreaterThan(20)
    expect(perSeed['unknown']).toBeGreaterThan(0.5)
    expect(perSeed['leaders']).toBeGreaterThan(2)
    expect(perSeed['crashes']).toBeGreaterThan(3)
    expect(perSeed['trims']).toBeGreaterThan(0.3)
    expect(perSeed['duplicates']).toBeGreaterThan(0.3)
    if (process.env['MERIDIAN_SIM_PRINT'] === '1') process.stderr.write(`${JSON.stringify(perSeed)}\n`)
  }, 120_000)
})
