import type { RttLookup } from '@meridian/tax'
import { expect, it } from 'vitest'
import { shiftPlan } from './shift-plan.ts'

const line =
  (at: Readonly<Record<string, number>>): RttLookup =>
  (a, b) =>
    Math.abs((at[a] ?? 0) - (at[b] ?? 0))

it('is the shift that gives a move the most to save', () => {
  // Led by c, a commit from a takes 30 + 20 ms; led by a itself, 10.
  expect(shiftPlan(['a', 'b', 'c'], line({ a: 0, b: 10, c: 30 }))).toEqual({
    source: 'c',
    target: 'a',
    leaderBefore: 'c',
    leaderAfter: 'a',
  })
})

it('needs two regions', () => {
  expect(() => shiftPlan(['a'], line({ a: 0 }))).toThrow('nothing shifts')
})
