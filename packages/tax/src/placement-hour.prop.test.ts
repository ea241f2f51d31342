import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import type { Objective } from './candidates.ts'
import { Demand } from './demand.ts'
import { AWS_REGIONS, awsRttMs } from './fixtures/aws.ts'
import { awsWorld, seededRandom } from './fixtures/worlds.ts'
import { naiveCost } from './placement-checker.ts'
import { initialPlacement, step } from './placement.ts'
import type { PlacementOptions } from './placement.ts'

const HOUR_MS = 3_600_000
const OBSERVED_MS = 2_000
const NO_REST: Partial<PlacementOptions> = { hysteresisShare: 0, hysteresisMs: 0, holdMs: 0, cooldownMs: 0, retryMs: 0 }

interface Hour {
  readonly seed: number
  readonly regions: 3 | 5
  readonly objective: Objective
  /** Minute at which clients move to other regions; absent for none. */
  readonly shiftMinute: number | undefined
}

interface HourOutcome {
  /** Where the leader was at first. */
  readonly home: string
  readonly moves: readonly { readonly atMs: number; readonly target: string }[]
  /** By the true distances and the demand that stands at the end. */
  readonly endCostMs: number
  readonly leastCostMs: number
}

/**
 * An hour by a simulated clock. Commits come at random around rates of 1 to 20 per second, each rate wobbles by half; each
 * round trip is read 5 % off at random, and one in fifty is twice as long. The leader starts where it belongs.
 */
function live(
  { seed, regions: count, objective, shiftMinute }: Hour,
  options: Partial<PlacementOptions> = {},
): HourOutcome {
  const random = seededRandom(seed)
  const regions = AWS_REGIONS.slice(0, count)
  const ratesOf = (): Map<string, number> => new Map(regions.map((region) => [region, 1 + 19 * random() ** 3]))
  const costOf = (leader: string): number =>
    naiveCost({ ...awsWorld(count, leader, { objective }), demand: rates }, leader)
  const cheapest = (): string => regions.toSorted((a, b) => costOf(a) - costOf(b))[0] ?? ''

  let rates = ratesOf()
  const home = cheapest()
  let leader = home
  let nowMs = 0
  const demand = new Demand({ nowMs: () => nowMs })
  let state = initialPlacement(options)
  const moves: { atMs: number; target: string }[] = []
  for (; nowMs < HOUR_MS; nowMs += OBSERVED_MS) {
    if (shiftMinute !== undefined && nowMs === shiftMinute * 60_000) rates = ratesOf()
    for (const [region, rate] of rates) {
      demand.record(region, Math.round((rate * OBSERVED_MS * (0.5 + random())) / 1000))
    }
    const read = new Map<string, number>()
    const rtt = (a: string, b: string): number => {
      const key = [a, b].sort().join(' ')
      const noise = read.get(key) ?? (random() < 0.02 ? 2 : 0.95 + 0.1 * random())
      read.set(key, noise)
      return awsRttMs(a, b) * noise
    }
    const world = { ...awsWorld(count, leader, { objective, rtt }), demand: demand.shares(regions) }
    const [next, effects] = step(state, { kind: 'observed', atMs: nowMs, world })
    state = next
    for (const { target } of effects) {
      moves.push({ atMs: nowMs, target })
      leader = target
      ;[state] = step(state, { kind: 'ended', atMs: nowMs, moved: true })
    }
  }
  return { home, moves, endCostMs: costOf(leader), leastCostMs: costOf(cheapest()) }
}

const hour = (shiftMinute: fc.Arbitrary<number | undefined>): fc.Arbitrary<Hour> =>
  fc.record({
    seed: fc.integer(),
    regions: fc.constantFrom(3 as const, 5 as const),
    objective: fc.constantFrom<Objective>({ kind: 'mean' }, { kind: 'worst' }),
    shiftMinute,
  })

describe('an hour of noise', () => {
  test('without a shift nothing moves', () => {
    fc.assert(
      fc.property(hour(fc.constant(undefined)), (calm) => {
        expect(live(calm).moves).toEqual([])
      }),
      { numRuns: Number(process.env['MERIDIAN_HOURS'] ?? 25) },
    )
  })

  // A second move is lawful: while the old demand decays, another place than the last may be the cheapest for long
  // enough. A leader that comes back to where it was, or a third move, would be flapping.
  test('after a shift there are two moves at most, none back and none before it; what is left to gain is within the hysteresis', () => {
    fc.assert(
      fc.property(hour(fc.integer({ min: 5, max: 40 })), (shifted) => {
        const { home, moves, endCostMs, leastCostMs } = live(shifted)
        expect(moves.length).toBeLessThanOrEqual(2)
        const places = [home, ...moves.map(({ target }) => target)]
        expect(places).toEqual([...new Set(places)])
        for (const { atMs } of moves) expect(atMs).toBeGreaterThanOrEqual((shifted.shiftMinute ?? 0) * 60_000)
        // 10 % of hysteresis, and 5 % by which noise and the imagined commits may hide a saving.
        expect(leastCostMs).toBeGreaterThanOrEqual(endCostMs * 0.85 - 5)
      }),
      {
        numRuns: Number(process.env['MERIDIAN_HOURS'] ?? 25),
        examples: [[{ seed: 260156344, regions: 5, objective: { kind: 'mean' }, shiftMinute: 7 }]],
      },
    )
  })

  test('the same hours make a core without hysteresis, hold and cool-down flap', () => {
    const calm = (seed: number): Hour => ({ seed, regions: 5, objective: { kind: 'mean' }, shiftMinute: undefined })
    const counts = Array.from({ length: 10 }, (_, seed) => live(calm(seed), NO_REST).moves.length)
    expect(Math.max(...counts)).toBeGreaterThan(10)
  })
})
