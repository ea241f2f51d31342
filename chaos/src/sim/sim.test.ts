import { describe, expect, it } from 'vitest'
import { brokenOf, outcomeOf } from './outcome.ts'
import { runSeed } from './run-seed.ts'
import { PROFILES } from './world/plan.ts'

/** Whether a world holds must not depend on the day; more seeds are tried by `meridian sim`. */
const SEEDS = [1, 2, 3, 4, 5, 6]

describe('a world without faults', () => {
  it('breaks nothing, and is twice the same', async () => {
    const [first, second] = [
      await runSeed(1, PROFILES.small, { faults: [] }),
      await runSeed(1, PROFILES.small, { faults: [] }),
    ]
    expect(brokenOf(first)).toEqual([])
    expect(first.counts['faults']).toBe(0)
    expect(second.traceHash).toBe(first.traceHash)
  })
})

describe('a world with faults', () => {
  it.each(SEEDS)('of seed %i breaks nothing', async (seed) => {
    const run = await runSeed(seed, PROFILES.small)
    const broken = run.verdicts.filter(({ verdict }) => verdict === 'invalid').map(({ name, why }) => `${name}: ${why}`)
    expect([...run.failures, ...broken]).toEqual([])
    expect(outcomeOf(run)).toBe('pass')
    expect(run.faultCounts.size).toBeGreaterThan(0)
  })
})
