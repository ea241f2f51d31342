import { describe, expect, test } from 'vitest'
import { keepCeiling } from './ceiling-keeper.ts'
import { CEILING_AHEAD_MS, CEILING_WINDOW_MS } from './ceiling.ts'
import { ClockBehindError, ClockOffsetError, MalformedTimestampError } from './errors.ts'
import { HybridClock } from './hybrid-clock.ts'
import { COUNTER_MAX, WALL_MS_MAX, ZERO_TIMESTAMP, compareTimestamps } from './timestamp.ts'
import { ManualClock, memoryCeiling } from './testing.ts'
import type { HybridClockOptions } from './hybrid-clock.ts'
import type { Timestamp } from './timestamp.ts'

const own = (wallMs: number, counter: number): Timestamp => ({ wallMs, counter, origin: 'own' })
const peer = (wallMs: number, counter: number): Timestamp => ({ wallMs, counter, origin: 'peer' })

function clockAt(nowMs: number, options: Partial<HybridClockOptions> = {}) {
  const physical = new ManualClock(nowMs)
  return { physical, clock: new HybridClock({ origin: 'own', physical, ...options }) }
}

function thrownBy(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

describe('send rule', () => {
  test.each([
    ['the clock moved on', 1000, own(900, 7), own(1000, 0)],
    ['the clock stands still', 1000, own(1000, 7), own(1000, 8)],
    ['the clock went back', 1000, own(1200, 7), own(1200, 8)],
    ['a full counter carries into the wall part', 1000, own(1000, COUNTER_MAX), own(1001, 0)],
    ['a full counter does not matter once the clock moved on', 1001, own(1000, COUNTER_MAX), own(1001, 0)],
    ['as far ahead as allowed', 1000, own(1500, 7), own(1500, 8)],
  ])('%s', (_, physicalMs, last, expected) => {
    expect(clockAt(physicalMs, { last }).clock.now()).toEqual(expected)
  })

  test('refused while the wall clock is set back by more than the maximum offset', () => {
    const { clock, physical } = clockAt(10_000)
    const before = clock.now()
    physical.advance(-501)
    const error = thrownBy(() => clock.now())
    expect(error).toBeInstanceOf(ClockBehindError)
    expect(error).toMatchObject({ heldBy: 'own', floorMs: 10_000, physicalMs: 9_499, resumeAtMs: 9_500 })
    expect(clock.last).toEqual(before)
    physical.set(9_500)
    expect(clock.now()).toEqual(own(10_000, 1))
  })

  test('a carry does not pass the maximum offset either', () => {
    const { clock, physical } = clockAt(1000, { last: own(1500, COUNTER_MAX) })
    expect(() => clock.now()).toThrow(ClockBehindError)
    physical.advance(1)
    expect(clock.now()).toEqual(own(1501, 0))
  })

  test('the first stamp of a clock that shows 0 is above zero', () => {
    expect(compareTimestamps(clockAt(0).clock.now(), ZERO_TIMESTAMP)).toBeGreaterThan(0)
  })

  test('fractions of the physical clock are cut off', () => {
    expect(clockAt(1000.9).clock.now()).toEqual(own(1000, 0))
  })

  test.each([Number.NaN, -1, WALL_MS_MAX + 1, Number.POSITIVE_INFINITY])('a physical clock that shows %d', (nowMs) => {
    expect(() => clockAt(nowMs).clock.now()).toThrow(RangeError)
  })
})

describe('receive rule', () => {
  test.each([
    ['clock ahead of both', 1000, own(900, 7), peer(950, 3), own(1000, 0)],
    ['own ahead', 1000, own(1100, 7), peer(1050, 30), own(1100, 8)],
    ['peer ahead', 1000, own(1050, 7), peer(1100, 30), own(1100, 31)],
    ['own and peer equal, own counter ahead', 1000, own(1100, 7), peer(1100, 3), own(1100, 8)],
    ['own and peer equal, peer counter ahead', 1000, own(1100, 3), peer(1100, 7), own(1100, 8)],
    ['all three equal', 1000, own(1000, 3), peer(1000, 7), own(1000, 8)],
    ['full counter of a peer', 1000, own(900, 0), peer(1100, COUNTER_MAX), own(1101, 0)],
    ['exactly the maximum offset', 1000, own(900, 0), peer(1500, 0), own(1500, 1)],
  ])('%s', (_, physicalMs, last, remote, expected) => {
    expect(clockAt(physicalMs, { last }).clock.receive(remote)).toEqual(expected)
  })

  test('I30: a stamp beyond the maximum offset is refused and leaves no trace', () => {
    const { clock } = clockAt(1000, { last: own(900, 7) })
    const error = thrownBy(() => clock.receive(peer(1501, 0)))
    expect(error).toBeInstanceOf(ClockOffsetError)
    expect(error).toMatchObject({ remote: peer(1501, 0), physicalMs: 1000, offsetMs: 501, maxOffsetMs: 500 })
    expect(clock.last).toEqual(own(900, 7))
    expect(clock.now()).toEqual(own(1000, 0))
  })

  test('tryReceive has the same answers as values', () => {
    const { clock } = clockAt(1000)
    expect(clock.tryReceive(peer(1100, 3))).toEqual({ ok: true, stamp: own(1100, 4) })
    const refused = clock.tryReceive(peer(1501, 0))
    expect(refused.ok ? undefined : refused.error).toBeInstanceOf(ClockOffsetError)
    expect(clock.last).toEqual(own(1100, 4))
  })

  test.each([peer(Number.NaN, 0), peer(1000.5, 0), peer(1000, COUNTER_MAX + 1), peer(-1, 0)])(
    'a value that is no timestamp does not poison the clock: %j',
    (remote) => {
      const { clock } = clockAt(1000)
      expect(() => clock.receive(remote)).toThrow(MalformedTimestampError)
      expect(() => clock.tryReceive(remote)).toThrow(MalformedTimestampError)
      expect(() => clock.observeCommitted(remote)).toThrow(MalformedTimestampError)
      expect(clock.now()).toEqual(own(1000, 0))
    },
  )
})

describe('committed stamps', () => {
  test('one within the maximum offset is merged', () => {
    const { clock } = clockAt(1000)
    expect(clock.observeCommitted(peer(1500, 3))).toBe('merged')
    expect(clock.now()).toEqual(own(1500, 4))
    expect(clock.observeCommitted(peer(1400, 9))).toBe('merged')
    expect(clock.now()).toEqual(own(1500, 5))
  })

  test('one further ahead is remembered, stops stamping, and is exceeded afterwards', () => {
    const { clock, physical } = clockAt(1000)
    const before = clock.now()
    expect(clock.observeCommitted(peer(5000, 3))).toBe('held')
    expect(clock.observeCommitted(peer(4000, 9))).toBe('held')
    expect(clock.last).toEqual(before)
    expect(thrownBy(() => clock.now())).toMatchObject({
      name: 'ClockBehindError',
      heldBy: 'committed',
      resumeAtMs: 4500,
    })
    expect(thrownBy(() => clock.receive(peer(1000, 0)))).toBeInstanceOf(ClockBehindError)
    const refused = clock.tryReceive(peer(1000, 0))
    expect(refused.ok ? undefined : refused.error).toBeInstanceOf(ClockBehindError)
    physical.set(4499)
    expect(() => clock.now()).toThrow(ClockBehindError)
    physical.set(4500)
    expect(clock.now()).toEqual(own(5000, 4))
    physical.set(6000)
    expect(clock.now()).toEqual(own(6000, 0))
  })
})

describe('ceiling', () => {
  const open = async (store: ReturnType<typeof memoryCeiling>, physical: ManualClock, sleptMs: number[] = []) =>
    HybridClock.open({
      origin: 'own',
      physical,
      ceiling: store,
      sleep: async (ms) => {
        sleptMs.push(ms)
        physical.advance(ms)
      },
    })

  test('one save covers a window', () => {
    const ceiling = memoryCeiling()
    const { clock, physical } = clockAt(1000, { ceiling })
    clock.now()
    expect(ceiling.savedMs).toBe(1000 + CEILING_WINDOW_MS)
    physical.set(1200)
    clock.now()
    expect(ceiling.saveCount).toBe(1)
    physical.set(1201)
    clock.now()
    expect(ceiling.savedMs).toBe(1401)
    expect(ceiling.saveCount).toBe(2)
  })

  test('it is saved before the stamp below it is issued; a failed save issues nothing', () => {
    let broken = true
    let savedMs = 0
    const ceiling = {
      load: () => 0,
      save(ceilingMs: number) {
        if (broken) throw new Error('disk full')
        savedMs = ceilingMs
      },
      saveAhead: () => Promise.reject(new Error('not asked for')),
    }
    const { clock } = clockAt(1000, { ceiling })
    expect(() => clock.now()).toThrow('disk full')
    expect(() => clock.tryReceive(peer(1100, 0))).toThrow('disk full')
    expect(clock.last.wallMs).toBe(0)
    broken = false
    expect(clock.now()).toEqual(own(1000, 0))
    expect(savedMs).toBe(1200)
  })

  test('raised in the background, it is above the next stamp already', async () => {
    const ceiling = memoryCeiling()
    const { clock, physical } = clockAt(1000, { ceiling })
    for (const nowMs of [1000, 1200, 1400, 9000, 9200]) {
      physical.set(nowMs)
      await clock.raiseCeiling()
      expect(ceiling.savedMs).toBe(nowMs + CEILING_AHEAD_MS)
      physical.advance(CEILING_AHEAD_MS / 2)
      clock.now()
    }
    expect(ceiling).toMatchObject({ saveCount: 0, aheadCount: 5 })
  })

  test('a stamp that comes before a raise has ended saves for itself, and the greater ceiling holds', async () => {
    const ceiling = memoryCeiling()
    const { clock, physical } = clockAt(1000, { ceiling })
    const raised = clock.raiseCeiling()
    expect(clock.now()).toEqual(own(1000, 0))
    expect(ceiling).toMatchObject({ savedMs: 1200, saveCount: 1 })
    await Promise.all([raised, clock.raiseCeiling()])
    expect(ceiling).toMatchObject({ savedMs: 1400, aheadCount: 1 })
    physical.set(1400)
    clock.now()
    expect(ceiling.saveCount).toBe(1)
  })

  test.each([
    { what: 'a small maximum offset bounds it', maxOffsetMs: 250, leadMs: 0, ceilingMs: 1250 },
    { what: 'it is ahead of the last stamp where that leads', maxOffsetMs: 1000, leadMs: 300, ceilingMs: 1700 },
    { what: 'the lead of a peer is within the maximum', maxOffsetMs: 500, leadMs: 450, ceilingMs: 1500 },
  ])('raised in the background: $what', async ({ maxOffsetMs, leadMs, ceilingMs }) => {
    const ceiling = memoryCeiling()
    const { clock } = clockAt(1000, { ceiling, maxOffsetMs })
    clock.observeCommitted(peer(1000 + leadMs, 3))
    await clock.raiseCeiling()
    expect(ceiling.savedMs).toBe(ceilingMs)
  })

  test('a suspended clock writes down no ceiling, because its time is in doubt', async () => {
    const ceiling = memoryCeiling()
    const { clock, physical } = clockAt(1000, { ceiling })
    clock.suspend('it jumped')
    physical.set(9_000_000)
    await clock.raiseCeiling()
    expect(ceiling.aheadCount).toBe(0)
    clock.resume()
    await clock.raiseCeiling()
    expect(ceiling.savedMs).toBe(9_000_000 + CEILING_AHEAD_MS)
  })

  test('a raise that failed does not count, and the next one is tried', async () => {
    const disk = memoryCeiling()
    let broken = true
    const ceiling = {
      load: () => disk.load(),
      save: (ceilingMs: number) => disk.save(ceilingMs),
      saveAhead: (ceilingMs: number) => (broken ? Promise.reject(new Error('full')) : disk.saveAhead(ceilingMs)),
    }
    const { clock } = clockAt(1000, { ceiling })
    await expect(clock.raiseCeiling()).rejects.toThrow('full')
    clock.now()
    expect(disk).toMatchObject({ saveCount: 1, savedMs: 1200 })
    broken = false
    await clock.raiseCeiling()
    expect(disk.savedMs).toBe(1400)
  })

  test('without a ceiling there is nothing to raise', async () => {
    await clockAt(1000).clock.raiseCeiling()
  })

  test('it is kept ahead until the signal, whatever fails in between', async () => {
    const disk = memoryCeiling()
    const { clock, physical } = clockAt(1000, {
      ceiling: {
        load: () => disk.load(),
        save: (ceilingMs) => disk.save(ceilingMs),
        saveAhead: (ceilingMs) => (ceilingMs === 1600 ? Promise.reject(new Error('once')) : disk.saveAhead(ceilingMs)),
      },
    })
    const failures: unknown[] = []
    const stop = new AbortController()
    const sleep = async (ms: number): Promise<void> => {
      physical.advance(ms)
      if (physical.nowMs() > 2000) stop.abort(new Error('enough'))
      await Promise.resolve()
      stop.signal.throwIfAborted()
    }
    const clockOfLoop = { nowMs: () => physical.nowMs(), sleep }
    const kept = keepCeiling(
      { hlc: clock, clock: clockOfLoop, onFailure: (error) => failures.push(error) },
      stop.signal,
    )
    await expect(kept).rejects.toThrow('enough')
    expect(failures).toEqual([new Error('once')])
    expect(disk).toMatchObject({ saveCount: 0, savedMs: 2000 + CEILING_AHEAD_MS })
  })

  test('under a lead of a peer it stays within the maximum offset, so a quick restart is not refused', async () => {
    const ceiling = memoryCeiling()
    const { clock, physical } = clockAt(1000, { ceiling })
    const before = clock.receive(peer(1450, 0))
    expect(ceiling.savedMs).toBe(1500)
    const sleptMs: number[] = []
    const restarted = await open(ceiling, physical, sleptMs)
    expect(sleptMs).toEqual([501])
    expect(compareTimestamps(restarted.now(), before)).toBeGreaterThan(0)
  })

  test('a restart with the wall clock set back waits until the ceiling has passed', async () => {
    const ceiling = memoryCeiling(1200)
    const sleptMs: number[] = []
    const restarted = await open(ceiling, new ManualClock(800), sleptMs)
    expect(sleptMs).toEqual([401])
    expect(restarted.now()).toEqual(own(1201, 0))
  })

  test('a restart after the ceiling does not wait', async () => {
    const sleptMs: number[] = []
    await open(memoryCeiling(1200), new ManualClock(1201), sleptMs)
    await open(memoryCeiling(), new ManualClock(1), sleptMs)
    await HybridClock.open({ origin: 'own', physical: new ManualClock(0) })
    expect(sleptMs).toEqual([])
  })

  test('a ceiling more than the maximum offset ahead is refused at once', async () => {
    const opening = open(memoryCeiling(2000), new ManualClock(1499))
    await expect(opening).rejects.toMatchObject({ name: 'ClockBehindError', heldBy: 'ceiling', floorMs: 2000 })
  })

  test('a physical clock that goes back during the wait, or stands still, does not hang the start', async () => {
    const back = new ManualClock(1000)
    const sleepBack = async () => back.advance(-300)
    const options = { origin: 'own', ceiling: memoryCeiling(1200) }
    await expect(HybridClock.open({ ...options, physical: back, sleep: sleepBack })).rejects.toThrow(ClockBehindError)
    let sleeps = 0
    const sleepStill = async () => void sleeps++
    const still = HybridClock.open({ ...options, physical: new ManualClock(1000), sleep: sleepStill })
    await expect(still).rejects.toThrow(ClockBehindError)
    expect(sleeps).toBe(64)
  })

  test('a wait for the ceiling can be aborted', async () => {
    const controller = new AbortController()
    const opening = HybridClock.open({
      origin: 'own',
      physical: new ManualClock(1000),
      ceiling: memoryCeiling(1200),
      sleep: async () => controller.abort(new Error('stopping')),
      signal: controller.signal,
    })
    await expect(opening).rejects.toThrow('stopping')
  })

  test('a clock made without waiting never stamps at or below the ceiling', () => {
    const { clock, physical } = clockAt(1000, { ceiling: memoryCeiling(1200) })
    expect(clock.now()).toEqual(own(1201, 0))
    const held = clockAt(1000, { ceiling: memoryCeiling(1600) })
    expect(thrownBy(() => held.clock.now())).toMatchObject({ heldBy: 'ceiling', floorMs: 1601 })
    physical.set(1100)
    expect(clock.now()).toEqual(own(1201, 1))
  })
})

test.each([
  [{ origin: '' }, 'origin'],
  [{ origin: '-' }, 'origin'],
  [{ origin: 'US' }, 'origin'],
  [{ maxOffsetMs: -1 }, 'maxOffsetMs'],
  [{ maxOffsetMs: Number.NaN }, 'maxOffsetMs'],
  [{ maxOffsetMs: 200, ceiling: memoryCeiling() }, 'maxOffsetMs'],
  [{ ceiling: memoryCeiling(Number.NaN) }, 'ceiling'],
])('bad options are refused: %j', (options, named) => {
  expect(() => clockAt(1000, options)).toThrow(named)
})
