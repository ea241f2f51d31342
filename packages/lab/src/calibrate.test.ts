import { expect, test } from 'vitest'

import { calibratedRttMs, calibrationBoundMs, quantile } from './calibrate.ts'

test('a link may be off by 2 ms and 2 percent', () => {
  expect(calibrationBoundMs(100)).toBe(4)
  expect(calibrationBoundMs(0)).toBe(2)
})

test('quantiles are samples', () => {
  const samples = [5, 1, 4, 2, 3]
  expect([0.01, 0.5, 0.99, 1].map((share) => quantile(samples, share))).toEqual([1, 3, 5, 5])
  expect(quantile([7], 0.5)).toBe(7)
  expect(() => quantile([], 0.5)).toThrow('assertion')
})

test('floors take the mean of the two rows of a pair', () => {
  const row = { nominalMs: 71, minMs: 71.1, p99Ms: 80, withinBound: true, attempts: 1 }
  const rtt = calibratedRttMs({
    ok: true,
    rows: [
      { ...row, source: 'a', target: 'b', measuredMs: 71.5 },
      { ...row, source: 'b', target: 'a', measuredMs: 72.5 },
    ],
  })
  expect([rtt('a', 'b'), rtt('b', 'a'), rtt('a', 'a')]).toEqual([72, 72, 0])
  expect(() => rtt('a', 'c')).toThrow(expect.objectContaining({ code: 'REGION_UNKNOWN' }))
})
