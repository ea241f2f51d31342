import { expect, test } from 'vitest'
import { EMPTY_KEY, keyOfText } from '@meridian/topology'
import type { KeyRange } from '@meridian/topology'
import { expectedStarts } from './expected-starts.ts'

/** Ranges that meet at these keys. */
function rangesAt(...bounds: string[]): KeyRange[] {
  const starts = ['', ...bounds].map(keyOfText)
  return starts.map((start, at) => ({ start, end: starts[at + 1] ?? EMPTY_KEY }))
}

test.each([
  ['one point', rangesAt('d', 'p'), ['g'], ['d']],
  ['two points of one range', rangesAt('d', 'p'), ['g', 'h'], ['d']],
  ['points of several ranges', rangesAt('d', 'p'), ['z', 'b'], ['', 'p']],
])('%s: the ranges below are the same after the split as before', (_, ranges, at, starts) => {
  const keys = at.map(keyOfText)
  expect(expectedStarts(ranges, keys)).toEqual(starts)
  const after = rangesAt(...[...ranges.map(({ start }) => String(start)).slice(1), ...at].toSorted())
  expect(expectedStarts(after, keys)).toEqual(starts)
})

test('the range below a merge is the same after it as before', () => {
  expect(expectedStarts(rangesAt('d', 'p'), [keyOfText('p')])).toEqual(['d'])
  expect(expectedStarts(rangesAt('d'), [keyOfText('p')])).toEqual(['d'])
})

test('below the lowest key there is no range', () => {
  expect(expectedStarts(rangesAt('d'), [EMPTY_KEY])).toEqual([])
})
