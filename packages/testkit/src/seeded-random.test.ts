import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seedOf, seededRandom } from './seeded-random.ts'

test('a seed fixes the sequence', () => {
  const a = seededRandom(42)
  const b = seededRandom(42)
  const c = seededRandom(43)
  const draw = (random: { next(): number }): number[] => Array.from({ length: 8 }, () => random.next())
  const first = draw(a)
  expect(draw(b)).toEqual(first)
  expect(draw(c)).not.toEqual(first)
})

test('draws stay in their bounds', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 2 ** 32 }), (seed, n) => {
      const random = seededRandom(seed)
      for (let i = 0; i < 20; i++) {
        const drawn = random.int(n)
        expect(Number.isInteger(drawn) && drawn >= 0 && drawn < n).toBe(true)
      }
    }),
  )
})

test('every value of a small range appears', () => {
  const random = seededRandom(7)
  expect(new Set(Array.from({ length: 200 }, () => random.int(6)))).toEqual(new Set([0, 1, 2, 3, 4, 5]))
  expect(['a', 'b']).toContain(random.pick(['a', 'b']))
  expect(() => random.pick([])).toThrow(RangeError)
  expect(() => random.int(0)).toThrow(RangeError)
})

test('named seeds follow from the process seed and differ by name', () => {
  expect(seedOf('a')).toBe(seedOf('a'))
  expect(seedOf('a')).not.toBe(seedOf('b'))
  expect(seedOf()).toBe(seedOf())
})
