import { describe, expect, it } from 'vitest'
import { distributionOf } from './distribution.ts'

describe('a distribution', () => {
  it.each([
    { samples: [5], p50: 5, p99: 5, max: 5 },
    { samples: [3, 1, 2], p50: 2, p99: 3, max: 3 },
    { samples: [4, 1, 3, 2], p50: 2, p99: 4, max: 4 },
    { samples: Array.from({ length: 200 }, (_, i) => i + 1), p50: 100, p99: 198, max: 200 },
  ])('of $samples.length samples', ({ samples, p50, p99, max }) => {
    expect(distributionOf(samples)).toEqual({ count: samples.length, p50, p99, max })
  })

  it('of nothing is a bug of the caller', () => {
    expect(() => distributionOf([])).toThrow(/assertion/)
  })
})
