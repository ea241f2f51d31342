import fc from 'fast-check'
import { expect, test } from 'vitest'

import { LogHistogram } from './log-histogram.ts'

const value = fc.oneof(
  fc.double({ min: 1e-5, max: 1e6, noNaN: true }),
  fc.double({ min: 70, max: 75, noNaN: true }),
  fc.integer({ min: 1, max: 500 }),
)

test('quantiles are within 1 % of those of the sorted values, the maximum is exact', () => {
  fc.assert(
    fc.property(
      fc.array(value, { minLength: 1, maxLength: 400 }),
      fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1),
      (values, share) => {
        const histogram = new LogHistogram()
        for (const each of values) histogram.record(each)
        const exact = values.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(share * values.length)) - 1] ?? NaN
        expect(Math.abs(histogram.quantile(share) - exact)).toBeLessThanOrEqual(0.01 * exact)
        expect(histogram.max).toBe(Math.max(...values))
        expect(histogram.count).toBe(values.length)
      },
    ),
    { numRuns: 500 },
  )
})

test('nothing recorded, and what cannot be', () => {
  const histogram = new LogHistogram()
  expect([histogram.quantile(0.5), histogram.max]).toEqual([0, 0])
  histogram.record(0)
  expect(histogram.quantile(0.5)).toBe(0)
  expect(() => histogram.record(-1)).toThrow('assertion')
  expect(() => histogram.record(NaN)).toThrow('assertion')
})
