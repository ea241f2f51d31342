import { expect, test } from 'vitest'

import { Demand, DEMAND_REGIONS_MAX } from './demand.ts'

function demandAt(options: { priorCommits?: number } = {}): { demand: Demand; time: { nowMs: number } } {
  const time = { nowMs: 0 }
  return { demand: new Demand({ nowMs: () => time.nowMs, halfLifeMs: 1000, priorCommits: 0, ...options }), time }
}

test('a commit counts half after a half-life', () => {
  const { demand, time } = demandAt()
  demand.record('a', 8)
  time.nowMs = 1000
  demand.record('b', 4)
  expect(Object.fromEntries(demand.commits())).toEqual({ a: 4, b: 4 })
  time.nowMs = 3000
  expect(Object.fromEntries(demand.commits())).toEqual({ a: 1, b: 1 })
  expect(Object.fromEntries(demand.shares())).toEqual({ a: 0.5, b: 0.5 })
})

test('a shift is followed within a few half-lives', () => {
  const { demand, time } = demandAt()
  for (; time.nowMs < 60_000; time.nowMs += 100) demand.record('a')
  for (; time.nowMs < 63_000; time.nowMs += 100) demand.record('b')
  expect(demand.shares().get('b')).toBeCloseTo(1 - 0.5 ** 3, 1)
})

test('imagined commits are spread over the regions, so that a single commit is no majority', () => {
  const { demand } = demandAt({ priorCommits: 8 })
  expect(Object.fromEntries(demand.shares(['a', 'b']))).toEqual({ a: 0.5, b: 0.5 })
  demand.record('a', 2)
  expect(Object.fromEntries(demand.shares(['a', 'b']))).toEqual({ a: 0.6, b: 0.4 })
})

test('what other servers saw adds up', () => {
  const { demand } = demandAt()
  demand.record('a', 1)
  expect(Object.fromEntries(demand.shares([], [new Map([['b', 2]]), new Map([['a', 1]])]))).toEqual({ a: 0.5, b: 0.5 })
})

test('nothing known: equal shares of the regions named, or none', () => {
  expect(demandAt().demand.shares().size).toBe(0)
  expect(Object.fromEntries(demandAt().demand.shares(['a', 'b']))).toEqual({ a: 0.5, b: 0.5 })
})

test('regions are bounded; the lightest is forgotten', () => {
  const { demand } = demandAt()
  for (let i = 0; i <= DEMAND_REGIONS_MAX; i++) demand.record(`r${i}`, i + 1)
  expect(demand.commits().size).toBe(DEMAND_REGIONS_MAX)
  expect(demand.commits().has('r0')).toBe(false)
})
