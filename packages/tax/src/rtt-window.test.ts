import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { RttWindow } from './rtt-window.ts'

const sample = (atMs: number, rttMs: number, aheadUs = 0n): Parameters<RttWindow['record']>[0] => {
  const sentUs = 1_700_000_000_000_000n + BigInt(Math.round(atMs * 1000))
  return { atMs, rttMs, sentUs, receivedUs: sentUs + BigInt(Math.round(rttMs * 500)) + aheadUs }
}

test('an empty window has no figures, and neither has one that is over', () => {
  const window = new RttWindow({ windowMs: 1000 })
  expect(window.summary(0)).toBeUndefined()
  window.record(sample(0, 70))
  expect(window.summary(1000)?.samples).toBe(1)
  expect(window.summary(1001)).toBeUndefined()
})

test('figures of what is in the window', () => {
  const window = new RttWindow({ windowMs: 100 })
  for (let i = 1; i <= 200; i++) window.record(sample(i, i))
  expect(window.summary(200)).toMatchObject({ minMs: 100, p50Ms: 150, p99Ms: 199, samples: 101, ageMs: 0 })
})

test('no more than its bound is kept, the newest', () => {
  const window = new RttWindow({ samplesMax: 8 })
  for (let i = 1; i <= 100; i++) window.record(sample(i, i))
  expect(window.summary(103)).toMatchObject({ minMs: 93, samples: 8, ageMs: 3 })
})

test('a round trip below nothing is a bug', () => {
  expect(() => new RttWindow().record({ ...sample(0, 1), rttMs: -1 })).toThrow('assertion')
})

describe('one way', () => {
  test('of the fastest probe: the slower ones waited in queues', () => {
    const window = new RttWindow()
    window.record(sample(1, 70))
    window.record(sample(2, 90, 15_000n))
    expect(window.summary(2)).toMatchObject({ oneWayMs: 35, oneWayErrorMs: 35, clockOffsetMs: 0 })
  })

  test('a clock that is ahead shows in the offset and never makes the way longer than the round trip', () => {
    const window = new RttWindow()
    window.record(sample(1, 70, 5_000_000n))
    expect(window.summary(1)).toMatchObject({ oneWayMs: 70, clockOffsetMs: 5000 })
  })

  test('whatever the split and the clocks: the offset is right within the error, the way lies in the round trip', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 300_000 }),
        fc.integer({ min: 0, max: 300_000 }),
        fc.integer({ min: -1_000_000, max: 1_000_000 }),
        (thereUs, backUs, aheadUs) => {
          const window = new RttWindow()
          const rttMs = (thereUs + backUs) / 1000
          window.record({ atMs: 0, rttMs, sentUs: 10n ** 15n, receivedUs: 10n ** 15n + BigInt(thereUs + aheadUs) })
          const summary = window.summary(0)
          if (summary === undefined) throw new Error('no summary')
          expect(Math.abs(summary.clockOffsetMs - aheadUs / 1000)).toBeLessThanOrEqual(summary.oneWayErrorMs + 1e-9)
          expect(summary.oneWayMs).toBeGreaterThanOrEqual(0)
          expect(summary.oneWayMs).toBeLessThanOrEqual(rttMs)
          if (aheadUs === 0) expect(summary.oneWayMs).toBeCloseTo(thereUs / 1000, 6)
        },
      ),
    )
  })
})
