import { expect, it } from 'vitest'
import { manualClock } from '../latency-tax/fixtures/manual-clock.ts'
import { DemandStream } from './demand-stream.ts'

const never = new AbortController().signal

it('asks from one region, then from another, each commit at its time whatever became of those before', async () => {
  const clock = manualClock()
  const sent: [string, number][] = []
  const stream = new DemandStream('a', {
    send: async (region) => {
      sent.push([region, clock.nowMs()])
      await clock.sleep(region === 'a' ? 250 : 50)
      if (sent.length === 4) throw new Error('gone')
    },
    periodMs: 100,
    clock,
    random: () => 0,
  })
  const over = new AbortController()
  const running = stream.run(over.signal, never)
  await clock.advance(150)
  stream.region = 'b'
  await clock.advance(200)
  over.abort()
  await clock.advance(500)
  await running
  expect(sent).toEqual([
    ['a', 0],
    ['a', 100],
    ['b', 200],
    ['b', 300],
  ])
  expect(stream.asked).toEqual([
    { region: 'a', countedMs: 0, doneMs: 250 },
    { region: 'b', countedMs: 200, doneMs: 250 },
    { region: 'a', countedMs: 100, failure: 'gone' },
    { region: 'b', countedMs: 300, failure: 'gone' },
  ])
})

it('charges a stall to the commits that it kept from being sent', async () => {
  const clock = manualClock()
  let calls = 0
  const stream = new DemandStream('a', {
    send: () => {
      calls += 1
      if (calls === 1) clock.stall(35)
      return Promise.resolve()
    },
    periodMs: 10,
    clock,
    random: () => 0,
  })
  const over = new AbortController()
  const running = stream.run(over.signal, never)
  await clock.advance(45)
  over.abort()
  await running
  const tookMs = stream.asked.map(({ countedMs, doneMs = 0 }) => doneMs - countedMs)
  expect(tookMs.slice(0, 5)).toEqual([35, 25, 15, 5, 0])
})

it('ends with the reason of an abort', async () => {
  const clock = manualClock()
  const stream = new DemandStream('a', { send: () => Promise.resolve(), periodMs: 10, clock, random: () => 0 })
  const stop = new AbortController()
  const outcome = expect(stream.run(never, stop.signal)).rejects.toThrow('enough')
  await clock.advance(25)
  stop.abort(new Error('enough'))
  await clock.advance(25)
  await outcome
})
