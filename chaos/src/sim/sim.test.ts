import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { FaultStep } from './faults/fault-step.ts'
import { brokenOf, outcomeOf } from './outcome.ts'
import { EXERCISED, runSeed } from './run-seed.ts'
import { shrink } from './shrink.ts'
import { PROFILES } from './world/plan.ts'

/** Whether a world holds must not depend on the day; more seeds are tried by `meridian sim`. */
const SEEDS = Array.from({ length: 10 }, (_, at) => at + 1)

const totals = new Map<string, number>()

const { stackTraceLimit } = Error
beforeAll(() => {
  Error.stackTraceLimit = 0
})
afterAll(() => {
  Error.stackTraceLimit = stackTraceLimit
})

describe('a world without faults', () => {
  it('breaks nothing', async () => {
    const run = await runSeed(1, PROFILES.small, { faults: [] })
    expect(brokenOf(run)).toEqual([])
    expect(run.counts['faults']).toBe(0)
  })
})

describe('a world with faults', () => {
  it.each(SEEDS)('of seed %i breaks nothing, and is twice the same', async (seed) => {
    const run = await runSeed(seed, PROFILES.small)
    const broken = run.verdicts.filter(({ verdict }) => verdict === 'invalid').map(({ name, why }) => `${name}: ${why}`)
    expect([...run.failures, ...broken]).toEqual([])
    expect(outcomeOf(run)).toBe('pass')
    for (const [what, count] of Object.entries(run.counts)) totals.set(what, (totals.get(what) ?? 0) + count)
    expect(run.faultCounts.size).toBeGreaterThan(0)
    expect((await runSeed(seed, PROFILES.small)).traceHash).toBe(run.traceHash)
  })
})

it('a world is forgotten when its run is over: thousands run in one process', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const world = await (async () => {
    const seen: { world?: WeakRef<object> } = {}
    await runSeed(3, PROFILES.small, { trace: (each) => (seen.world = new WeakRef(each)) })
    return seen.world
  })()
  expect(world).toBeDefined()
  // What is seen in a turn lives until it ends.
  await vi.waitFor(() => {
    collect()
    expect(world?.deref() === undefined).toBe(true)
  })
})

it('over all of these worlds everything happened that faults are there for', () => {
  for (const what of EXERCISED) expect(totals.get(what), what).toBeGreaterThan(0)
})

describe('a failing schedule', () => {
  it('is cut down to what the failure needs', async () => {
    const fault = (atMs: number) => ({ kind: 'pause', target: 'x', atMs, forMs: 1, amount: 0 }) as const
    const schedule = Array.from({ length: 20 }, (_, at) => fault(at))
    const needed = new Set([3, 11])
    let tries = 0
    const fails = (faults: readonly FaultStep[]): Promise<boolean> => {
      tries += 1
      return Promise.resolve([...needed].every((at) => faults.some(({ atMs }) => atMs === at)))
    }
    const smallest = await shrink(schedule, fails, new AbortController().signal)
    expect(smallest.length).toBeLessThan(schedule.length / 2)
    expect(smallest.filter(({ atMs }) => needed.has(atMs))).toHaveLength(2)
    expect(tries).toBeLessThanOrEqual(24)
  })
})
