import { expect, test } from 'vitest'

import { canaryRounds } from './canary-rounds.ts'

test.each([2, 3, 4, 5, 16])('%d regions: every pair once, no region twice in a round', (count) => {
  const regions = Array.from({ length: count }, (_, i) => `r${String(i).padStart(2, '0')}`)
  const rounds = canaryRounds(regions)
  for (const round of rounds) expect(new Set(round.flat()).size).toBe(2 * round.length)
  const pairs = rounds.flat().map((pair) => pair.toSorted().join(' '))
  expect(new Set(pairs).size).toBe(pairs.length)
  expect(pairs).toHaveLength((count * (count - 1)) / 2)
})

test('three regions take three rounds of one pair, five take five of two', () => {
  expect(canaryRounds(['a', 'b', 'c']).map((round) => round.length)).toEqual([1, 1, 1])
  expect(canaryRounds(['a', 'b', 'c', 'd', 'e']).map((round) => round.length)).toEqual([2, 2, 2, 2, 2])
})
