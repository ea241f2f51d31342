import { expect, test } from 'vitest'
import { keyspaceName, rangeId } from './ids.ts'
import { keyOfText } from './key.ts'
import { RangeMap } from './range-map.ts'
import { rangesOf } from './worlds.ts'

const cities = keyspaceName('cities')
const k = keyOfText

test('finds the range of a key', () => {
  const map = RangeMap.empty.apply(rangesOf('1:-g 2:g-p 3:p-'))
  const found = ['', 'f', 'g', 'oz', 'p', 'zz'].map((key) => map.find(cities, k(key))?.rangeId)
  expect(found).toEqual([1, 1, 2, 2, 3, 3])
  expect(map.find(keyspaceName('other'), k('a'))).toBeUndefined()
  expect(RangeMap.empty.find(cities, k('a'))).toBeUndefined()
  expect(map.get(cities, k('g'))?.rangeId).toBe(2)
  expect(map.get(cities, k('h'))).toBeUndefined()
  expect(map.byId(rangeId(3))?.start).toBe('p')
  expect(map.byId(rangeId(4))).toBeUndefined()
  expect(map.size).toBe(3)
})

test('a key in a gap belongs to nobody', () => {
  const map = RangeMap.empty.apply(rangesOf('1:a-g 2:p-z'))
  expect(['', 'h', 'z'].map((key) => map.find(cities, k(key)))).toEqual([undefined, undefined, undefined])
})

test('a put replaces what starts there; a remove takes it away; the old map stays as it was', () => {
  const before = RangeMap.empty.apply(rangesOf('1:-g 2:g-p 3:p-'))
  const after = before.apply(rangesOf('1:-p'), rangesOf('2:g-p'))
  expect(after.list(cities).map(({ rangeId: id }) => id)).toEqual([1, 3])
  expect(before.list(cities).map(({ rangeId: id }) => id)).toEqual([1, 2, 3])
  expect(after.apply([], rangesOf('9:x-y'))?.size).toBe(2)
  expect(after.apply([], after.list()).keyspaces()).toEqual([])
})

test('untouched keyspaces are shared', () => {
  const other = keyspaceName('other')
  const before = RangeMap.empty
    .apply(rangesOf('1:-'))
    .apply(rangesOf('2:-').map((range) => ({ ...range, keyspace: other })))
  const after = before.apply(rangesOf('1:-g 3:g-'))
  expect(after.list(other)).toBe(before.list(other))
  expect(after.keyspaces()).toEqual([cities, other])
  expect(after.list().map(({ rangeId: id }) => id)).toEqual([1, 3, 2])
})

test.each([
  ['1:-', undefined],
  ['1:-g 2:g-', undefined],
  ['', undefined],
  ['1:a-', 'keyspace cities: gap [, a) before range 1 [a, ∞)'],
  ['1:-g', 'keyspace cities: gap [g, ∞) after range 1 [, g)'],
  ['1:-g 2:h-', 'keyspace cities: gap [g, h) between range 1 [, g) and range 2 [h, ∞)'],
  ['1:-h 2:g-', 'keyspace cities: range 1 [, h) and range 2 [g, ∞) overlap'],
  ['1:- 2:g-', 'keyspace cities: range 1 [, ∞) and range 2 [g, ∞) overlap'],
  ['1:-g 2:g-a', 'keyspace cities: range 2 [g, a) is empty'],
  ['1:-g 1:g-', 'range 1 [, g) of keyspace cities and range 1 [g, ∞) of keyspace cities share an id'],
])('T1: the violation of %j', (world, violation) => {
  expect(RangeMap.empty.apply(rangesOf(world)).violation()).toBe(violation)
})
