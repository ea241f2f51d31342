import { expect, test } from 'vitest'
import { LeastRecent } from './least-recent.ts'

test('the smallest of the window, and nothing of nothing', () => {
  const recent = new LeastRecent({ windowMs: 100 })
  expect(recent.least(0)).toBeUndefined()
  recent.record(0, 3)
  recent.record(50, 5)
  expect(recent.least(60)).toBe(3)
  expect(recent.least(101)).toBe(5)
  expect(recent.least(151)).toBeUndefined()
})

test('is bounded: the newest are kept', () => {
  const recent = new LeastRecent({ samplesMax: 2 })
  for (const value of [1, 7, 9]) recent.record(0, value)
  expect(recent.least(0)).toBe(7)
})

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('%d is no figure', (value) => {
  expect(() => new LeastRecent().record(0, value)).toThrow('assertion')
})
