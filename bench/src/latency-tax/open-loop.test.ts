import { MeridianError } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { closedLoop } from './closed-loop.ts'
import { IN_FLIGHT_MAX, largestGapMs, openLoop, slotFigures, slotOfTurn } from './open-loop.ts'
import type { Slot } from './open-loop.ts'
import { manualClock } from './fixtures/manual-clock.ts'

const never = new AbortController().signal

describe('an open loop', () => {
  it.each([
    { slots: 1, turns: 3, order: [0, 0, 0] },
    { slots: 3, turns: 9, order: [0, 1, 2, 1, 2, 0, 2, 0, 1] },
    { slots: 2, turns: 6, order: [0, 1, 1, 0, 0, 1] },
  ])('of $slots kinds begins each round one later', ({ slots, turns, order }) => {
    expect(Array.from({ length: turns }, (_, turn) => slotOfTurn(turn, slots))).toEqual(order)
  })

  it('sends on time while earlier operations are under way', async () => {
    const clock = manualClock()
    const sentMs: number[] = []
    const slow: Slot = {
      name: 'slow',
      send: async () => {
        sentMs.push(clock.nowMs())
        await clock.sleep(250)
      },
    }
    const samples = await clock.play(
      openLoop({ slots: [slow], rounds: 5, periodMs: 10, clock, random: () => 0, signal: never }),
    )
    expect(sentMs).toEqual([0, 10, 20, 30, 40])
    expect(samples.get('slow')?.latenciesMs).toEqual([250, 250, 250, 250, 250])
    expect(slotFigures(samples.get('slow') ?? { latenciesMs: [], completionsMs: [], failures: [] })).toEqual({
      count: 5,
      p50: 250,
      p99: 250,
      max: 250,
      largestGapMs: 10,
    })
  })

  it('charges a stall of the driver to the operations that it kept from being sent', async () => {
    const clock = manualClock()
    let calls = 0
    const stalling: Slot = {
      name: 'stalling',
      send: () => {
        calls += 1
        if (calls === 1) clock.stall(35)
        return Promise.resolve()
      },
    }
    const samples = await clock.play(
      openLoop({ slots: [stalling], rounds: 5, periodMs: 10, clock, random: () => 0, signal: never }),
    )
    // The first is counted until it is answered; the next three were due at 10, 20 and 30 and went out at 35.
    expect(samples.get('stalling')?.latenciesMs).toEqual([35, 25, 15, 5, 0])
  })

  it('counts failures and what it did not send apart from figures', async () => {
    const clock = manualClock()
    const stuck = Promise.withResolvers<void>()
    const slots: Slot[] = [{ name: 'stuck', send: () => stuck.promise }]
    const running = openLoop({
      slots,
      rounds: IN_FLIGHT_MAX + 2,
      periodMs: 1,
      clock,
      random: () => 0,
      signal: never,
    })
    await clock.advance(2 * IN_FLIGHT_MAX)
    stuck.reject(new MeridianError('UNAVAILABLE', 'gone'))
    const samples = await running
    expect(samples.get('stuck')?.latenciesMs).toEqual([])
    expect(samples.get('stuck')?.failures).toHaveLength(IN_FLIGHT_MAX + 2)
    expect(samples.get('stuck')?.failures.filter((each) => each.startsWith('not sent'))).toHaveLength(2)
  })

  it('ends with the reason of an abort, after what was under way', async () => {
    const clock = manualClock()
    const abort = new AbortController()
    let ended = 0
    const slot: Slot = {
      name: 'slot',
      send: async () => {
        await clock.sleep(100)
        ended += 1
      },
    }
    const running = openLoop({
      slots: [slot],
      rounds: 10,
      periodMs: 10,
      clock,
      random: () => 0,
      signal: abort.signal,
    })
    const outcome = expect(running).rejects.toThrow('enough')
    await clock.advance(25)
    abort.abort(new Error('enough'))
    await clock.advance(200)
    await outcome
    expect(ended).toBe(3)
  })
})

it('a closed loop has one operation under way, each kind in turn, and goes on after a failure', async () => {
  const clock = manualClock()
  const calls: string[] = []
  const slot = (name: string, tookMs: number, fails = false): Slot => ({
    name,
    send: async () => {
      calls.push(name)
      await clock.sleep(tookMs)
      if (fails) throw new Error('refused')
    },
  })
  const samples = await clock.play(
    closedLoop({ slots: [slot('a', 3), slot('b', 70, true)], rounds: 2, clock, signal: never }),
  )
  expect(calls).toEqual(['a', 'b', 'a', 'b'])
  expect(samples.get('a')).toEqual({ latenciesMs: [3, 3], completionsMs: [3, 76], failures: [] })
  expect(samples.get('b')).toEqual({ latenciesMs: [], completionsMs: [], failures: ['refused', 'refused'] })
  expect(slotFigures(samples.get('b') ?? { latenciesMs: [1], completionsMs: [], failures: [] })).toBeUndefined()
})

it.each([
  { completionsMs: [], gapMs: 0 },
  { completionsMs: [5], gapMs: 0 },
  { completionsMs: [5, 6, 300, 301], gapMs: 294 },
  { completionsMs: [300, 5, 301, 6], gapMs: 294 },
])('the largest gap of $completionsMs is $gapMs ms', ({ completionsMs, gapMs }) => {
  expect(largestGapMs(completionsMs)).toBe(gapMs)
})
