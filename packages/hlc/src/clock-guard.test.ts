import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { procUptimeClock } from './boot-clock.ts'
import { ClockGuardLoop } from './clock-guard-loop.ts'
import { CLOCK_GUARD_START, cleared, step } from './clock-guard.ts'
import { ClockSuspectError } from './errors.ts'
import { HybridClock } from './hybrid-clock.ts'
import { ManualClock } from './testing.ts'
import type { ClockSample, ClockSuspect, ClockVerdict } from './clock-guard.ts'

const HOUR_MS = 3_600_000
const SAMPLE_MS = 100

/** The clocks at a moment of real time; the guard is fed every 100 ms of it, save for what `stopped` says. */
type World = {
  readonly wall?: (ms: number) => number
  readonly monotonic?: (ms: number) => number
  /** Null: no such clock. */
  readonly boot?: ((ms: number) => number) | null
  readonly stopped?: (ms: number) => boolean
}

function run(world: World, untilMs: number): { verdict: ClockVerdict; atMs: number | undefined; jumps: number } {
  const real = (ms: number): number => ms
  const { wall = real, monotonic = real, boot = real, stopped = () => false } = world
  let state = CLOCK_GUARD_START
  let atMs: number | undefined
  for (let ms = 0; ms <= untilMs; ms += SAMPLE_MS) {
    if (stopped(ms)) continue
    const sample: ClockSample = {
      wallMs: Math.floor(1.7e12 + wall(ms)),
      monotonicMs: monotonic(ms),
      bootMs: boot === null ? undefined : Math.floor((9e6 + boot(ms)) / 10) * 10,
    }
    state = step(state, sample)[0]
    if (state.jumps > 0) atMs ??= ms
  }
  return { verdict: state.verdict, atMs, jumps: state.jumps }
}

const from = (startMs: number, byMs: number) => (ms: number) => ms + (ms >= startMs ? byMs : 0)
/** Stands still for `forMs` from `startMs` on. */
const still = (startMs: number, forMs: number) => (ms: number) => ms - Math.min(Math.max(ms - startMs, 0), forMs)
const between = (startMs: number, endMs: number) => (ms: number) => ms > startMs && ms < endMs

describe('quiet', () => {
  test.each<[string, World]>([
    ['all clocks alike', {}],
    ['no boot clock', { boot: null }],
    ['the wall is slewed by 500 ppm', { wall: (ms) => ms * 1.0005 }],
    ['rates 1 % apart', { wall: (ms) => ms * 1.005, monotonic: (ms) => ms * 0.995 }],
    ['stopped for an hour, all clocks moving on', { stopped: between(HOUR_MS, 2 * HOUR_MS) }],
    ['stopped for an hour, slewed all the time', { wall: (ms) => ms * 1.0005, stopped: between(60_000, HOUR_MS) }],
    ['a step of 200 ms', { wall: from(HOUR_MS, 200) }],
    [
      'all clocks frozen together: nobody can see it',
      ((f) => ({ wall: f, monotonic: f, boot: f }))(still(60_000, 60_000)),
    ],
  ])('%s', (_, world) => {
    expect(run(world, 3 * HOUR_MS)).toMatchObject({ verdict: { kind: 'quiet' }, jumps: 0 })
  })
})

describe('suspect', () => {
  const asleep = still(HOUR_MS, 30_000)
  const halt = between(HOUR_MS, HOUR_MS + 30_000)
  test.each<[string, World, readonly string[], number, number]>([
    ['the wall steps forward', { wall: from(HOUR_MS, 1000) }, ['wall', 'monotonic'], 1000, HOUR_MS],
    ['the wall steps back', { wall: from(HOUR_MS, -1000) }, ['wall', 'monotonic'], -1000, HOUR_MS],
    ['the wall steps, no boot clock', { wall: from(HOUR_MS, 300), boot: null }, ['wall', 'monotonic'], 300, HOUR_MS],
    ['suspended', { monotonic: asleep, stopped: halt }, ['wall', 'monotonic'], 30_000, HOUR_MS + 30_000],
    [
      'suspended, and the wall not put right',
      { monotonic: asleep, wall: asleep, stopped: halt },
      ['boot', 'monotonic'],
      30_000,
      HOUR_MS + 30_000,
    ],
    [
      'the wall steps during a stop',
      { wall: from(HOUR_MS + 5, 400), stopped: between(HOUR_MS, HOUR_MS + 9000) },
      ['wall', 'monotonic'],
      400,
      HOUR_MS + 9000,
    ],
  ])('%s', (_, world, pair, byMs, atMs) => {
    const ran = run(world, 3 * HOUR_MS)
    expect(ran).toMatchObject({ verdict: { kind: 'suspect', pair }, atMs, jumps: 1 })
    expect(Math.abs((ran.verdict as ClockSuspect).byMs - byMs)).toBeLessThanOrEqual(10)
  })

  test.each<[string, World]>([
    ['monotonic', { monotonic: still(HOUR_MS, HOUR_MS) }],
    ['wall', { wall: still(HOUR_MS, HOUR_MS) }],
    ['boot', { boot: still(HOUR_MS, HOUR_MS) }],
  ])('the %s clock frozen for long: noticed within 300 ms, and again and again', (_, world) => {
    const ran = run(world, HOUR_MS + 60_000)
    expect(ran.atMs).toBe(HOUR_MS + 300)
    expect(ran.jumps).toBeGreaterThanOrEqual(199)
  })

  test('until cleared, and only for the jump that the owner knew of', () => {
    const at = (ms: number, wallMs: number): ClockSample => ({ wallMs, monotonicMs: ms, bootMs: undefined })
    let [state] = step(CLOCK_GUARD_START, at(0, 0))
    ;[state] = step(state, at(100, 1100))
    ;[state] = step(state, at(200, 1200))
    expect(state.verdict).toMatchObject({ kind: 'suspect', byMs: 1000, jumps: 1 })
    ;[state] = step(state, at(300, 300))
    expect(state.verdict).toMatchObject({ kind: 'suspect', byMs: -1000, jumps: 2 })
    expect(cleared(state, 1)).toBe(state)
    expect(cleared(state, 2).verdict).toEqual({ kind: 'quiet' })
    expect(step(cleared(state, 2), at(400, 400))[1]).toEqual({ kind: 'quiet' })
  })

  test('a clock that shows no number is no sample', () => {
    expect(() => step(CLOCK_GUARD_START, { wallMs: Number.NaN, monotonicMs: 0, bootMs: undefined })).toThrow(RangeError)
  })
})

describe('ClockGuardLoop', () => {
  function rig() {
    const monotonic = new ManualClock()
    const wall = new ManualClock(1_000_000)
    const told: ClockSuspect[] = []
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
      if (signal?.aborted === true) return Promise.reject(signal.reason as Error)
      monotonic.advance(ms)
      wall.advance(ms)
      return Promise.resolve()
    }
    const clock = { nowMs: () => monotonic.nowMs(), sleep }
    return { monotonic, wall, told, clock }
  }

  test('tells of each jump in its turn, once', () => {
    const { clock, wall, told } = rig()
    const guard = new ClockGuardLoop({ clock, physical: wall, onSuspect: (verdict) => told.push(verdict) })
    expect(guard.sample()).toEqual({ kind: 'quiet' })
    wall.advance(-1000)
    guard.sample()
    guard.sample()
    const { jumps } = guard
    wall.advance(1000)
    guard.sample()
    expect(told.map((each) => each.byMs)).toEqual([-1000, 1000])
    expect([guard.cleared(jumps), guard.cleared(guard.jumps), guard.verdict.kind]).toEqual([false, true, 'quiet'])
  })

  test('no stamp after a jump, not even before the next sample', () => {
    const { clock, wall } = rig()
    let hlc: HybridClock | undefined
    const guard = new ClockGuardLoop({ clock, physical: wall, onSuspect: (v) => hlc?.suspend(`by ${v.byMs} ms`) })
    hlc = new HybridClock({ origin: 'own', physical: guard.physical })
    const before = hlc.now()
    wall.advance(400)
    expect(() => hlc.now()).toThrow(ClockSuspectError)
    expect(hlc.tryReceive({ ...before, origin: 'peer' })).toMatchObject({ ok: false, error: { reason: 'by 400 ms' } })
    expect(hlc.observeCommitted({ wallMs: before.wallMs + 7, counter: 0, origin: 'peer' })).toBe('merged')
    expect([hlc.suspended, hlc.last.wallMs]).toEqual([true, before.wallMs + 7])
    expect(guard.cleared(guard.jumps)).toBe(true)
    hlc.resume()
    expect(hlc.now().wallMs).toBe(before.wallMs + 400)
  })

  test('runs until the signal, and reads anew what took long to read', async () => {
    const { wall, monotonic, clock, told } = rig()
    const over = new AbortController()
    let interruptions = 0
    const physical = {
      nowMs: () => {
        const nowMs = wall.nowMs()
        // Interrupted right after: the two parts of this sample are 5 s apart.
        if (interruptions > 0) {
          interruptions -= 1
          for (const each of [wall, monotonic]) each.advance(5000)
        }
        return nowMs
      },
    }
    const guard = new ClockGuardLoop({ clock, physical, onSuspect: (verdict) => told.push(verdict) })
    for (const times of [1, 2, 3, 4]) {
      interruptions = times
      guard.sample()
    }
    let sleeps = 0
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
      if (++sleeps === 30) over.abort(new Error('over'))
      return clock.sleep(ms, signal)
    }
    const looped = new ClockGuardLoop({ clock: { ...clock, sleep }, physical, onSuspect: (v) => told.push(v) })
    await expect(looped.run(over.signal)).rejects.toThrow('over')
    expect([sleeps, told]).toEqual([30, []])
  })
})

describe('boot clock', () => {
  test('shows nothing where there is none', () => {
    expect(procUptimeClock('/nowhere/uptime').nowMs()).toBeUndefined()
    expect(procUptimeClock('/proc/self/comm').nowMs()).toBeUndefined()
  })

  test.runIf(process.platform === 'linux')('reads /proc/uptime', () => {
    const shown = procUptimeClock().nowMs() ?? 0
    const afterMs = Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000
    expect(shown).toBeGreaterThan(0)
    expect(shown).toBeLessThanOrEqual(afterMs + 1)
  })
})
