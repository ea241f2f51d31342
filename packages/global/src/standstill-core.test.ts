import { regionId } from '@meridian/topology'
import { expect, test } from 'vitest'
import { initialStandstill, step } from './standstill-core.ts'
import type { StandstillEvent, StandstillState } from './standstill-core.ts'

const [EU, US, AP] = ['eu', 'us', 'ap'].map(regionId) as [
  ReturnType<typeof regionId>,
  ReturnType<typeof regionId>,
  ReturnType<typeof regionId>,
]
const ALL = [EU, US, AP]

const promised = (region: typeof EU, sentMs: number, nowMs = sentMs + 100, members = ALL): StandstillEvent => ({
  kind: 'promised',
  region,
  sentMs,
  nowMs,
  promiseMs: 9000,
  members,
})
const after = (...events: StandstillEvent[]): StandstillState => events.reduce(step, initialStandstill)
const renewed: StandstillEvent = { kind: 'renewed', untilMs: 9000 }

test('nothing vouches until every region has promised, then the first to run out ends it', () => {
  expect(after(renewed, promised(EU, 5000), promised(US, 6000)).untilMs).toBe(-Infinity)
  expect(after(renewed, promised(EU, 5000), promised(US, 6000), promised(AP, 7000)).untilMs).toBe(14_000)
})

test('it counts from before the question was sent, not from the answer', () => {
  expect(after(renewed, ...ALL.map((region) => promised(region, 1000, 8999))).untilMs).toBe(10_000)
})

test('renewed promises carry it on, and an answer that was overtaken takes nothing away', () => {
  const on = after(
    renewed,
    ...ALL.map((region) => promised(region, 5000)),
    ...ALL.map((region) => promised(region, 12_000)),
  )
  expect(on.untilMs).toBe(21_000)
  expect(step(on, promised(EU, 11_000, 12_200)).untilMs).toBe(21_000)
})

test('a gap ends it for good: somebody may have taken ranges in it', () => {
  const late = after(renewed, promised(EU, 5000), promised(US, 5000), promised(AP, 8900, 9000))
  expect(late.untilMs).toBe(-Infinity)
  expect(after(renewed, ...ALL.map((region) => promised(region, 8000)), promised(AP, 17_000, 17_000)).untilMs).toBe(
    17_000,
  )
  const again = ALL.reduce((state, region) => step(state, promised(region, 20_000)), late)
  expect(again.untilMs).toBe(-Infinity)
  expect(step(again, { kind: 'renewed', untilMs: 40_000 }).promises.size).toBe(0)
})

test('whoever is known to anybody has to promise', () => {
  const mars = regionId('mars')
  const state = after(renewed, promised(EU, 5000), promised(US, 5000, 5100, [...ALL, mars]), promised(AP, 5000))
  expect(state.untilMs).toBe(-Infinity)
  expect(step(state, promised(mars, 5000)).untilMs).toBe(14_000)
})

test('nothing is left of it when the authority is gone, and nothing vouches without a lease before it', () => {
  const state = after(renewed, ...ALL.map((region) => promised(region, 5000)), { kind: 'revoked' })
  expect(state).toEqual(initialStandstill)
  expect(after(...ALL.map((region) => promised(region, 5000))).untilMs).toBe(-Infinity)
})
