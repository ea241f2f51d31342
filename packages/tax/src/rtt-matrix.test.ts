import { expect, test } from 'vitest'

import { RTT_PAIRS_MAX, RttMatrix } from './rtt-matrix.ts'
import type { RttFigures } from './rtt-matrix.ts'

const figures = (minMs: number, ageMs = 0): RttFigures => ({
  minMs,
  p50Ms: minMs + 1,
  p99Ms: minMs + 9,
  samples: 10,
  oneWayMs: minMs / 2,
  oneWayErrorMs: minMs / 2,
  ageMs,
})

function matrixAt(): { matrix: RttMatrix; time: { nowMs: number } } {
  const time = { nowMs: 1_000_000 }
  return { matrix: new RttMatrix({ nowMs: () => time.nowMs, ageMsMax: 30_000 }), time }
}

test('either side may have measured; the own side counts first', () => {
  const { matrix } = matrixAt()
  expect(matrix.lookup('a', 'b')).toBeUndefined()
  matrix.put('b', 'a', figures(71))
  expect([matrix.lookup('a', 'b'), matrix.lookup('b', 'a'), matrix.lookup('a', 'a')]).toEqual([71, 71, 0])
  matrix.put('a', 'b', figures(70))
  expect([matrix.lookup('a', 'b'), matrix.lookup('b', 'a')]).toEqual([70, 71])
  expect(matrix.lookup('a', 'b', 'p50Ms')).toBe(71)
})

test('what is stale is shown but not decided on, and yields to the other side', () => {
  const { matrix, time } = matrixAt()
  matrix.put('a', 'b', figures(70))
  time.nowMs += 30_001
  expect(matrix.lookup('a', 'b')).toBe(70)
  expect(matrix.lookupFresh('a', 'b')).toBeUndefined()
  matrix.put('b', 'a', figures(71))
  expect([matrix.lookup('a', 'b'), matrix.lookupFresh('a', 'b')]).toEqual([71, 71])
  expect(matrix.rows().map(({ source, ageMs }) => [source, ageMs])).toEqual([
    ['a', 30_001],
    ['b', 0],
  ])
})

test('older hearsay does not replace newer', () => {
  const { matrix } = matrixAt()
  expect(matrix.put('a', 'b', figures(70, 100))).toBe(true)
  expect(matrix.put('a', 'b', figures(99, 5000))).toBe(false)
  expect(matrix.lookup('a', 'b')).toBe(70)
  expect(matrix.put('a', 'b', figures(72, 50))).toBe(true)
  expect(matrix.lookup('a', 'b')).toBe(72)
})

test('complete is every two of the voters, fresh', () => {
  const { matrix, time } = matrixAt()
  matrix.put('a', 'b', figures(1))
  matrix.put('b', 'c', figures(2))
  expect(matrix.isComplete(['a', 'b'])).toBe(true)
  expect(matrix.isComplete(['a', 'b', 'c'])).toBe(false)
  matrix.put('c', 'a', figures(3))
  expect(matrix.isComplete(['a', 'b', 'c'])).toBe(true)
  time.nowMs += 30_001
  expect(matrix.isComplete(['a', 'b'])).toBe(false)
})

test.each([
  ['not a number', { ...figures(1), minMs: NaN }],
  ['negative', { ...figures(1), p99Ms: -1 }],
  ['of nothing', { ...figures(1), samples: 0 }],
])('figures that are none are refused: %s', (_, bad) => {
  expect(matrixAt().matrix.put('a', 'b', bad)).toBe(false)
})

test('it holds a bounded number of pairs', () => {
  const { matrix } = matrixAt()
  for (let i = 0; i <= RTT_PAIRS_MAX; i++) expect(matrix.put('a', `r${i}`, figures(1))).toBe(i < RTT_PAIRS_MAX)
  expect(matrix.put('a', 'r0', figures(2))).toBe(true)
})
