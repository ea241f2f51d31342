import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ClockBehindError, ClockOffsetError } from './errors.ts'
import { HybridClock, MAX_OFFSET_MS_DEFAULT } from './hybrid-clock.ts'
import { COUNTER_MAX, compareTimestamps } from './timestamp.ts'
import { ManualClock, memoryCeiling } from './testing.ts'
import type { CeilingStore } from './ceiling.ts'
import type { Timestamp } from './timestamp.ts'

const DELTA = MAX_OFFSET_MS_DEFAULT
const START_MS = 1_000_000

/** The stamp, or undefined if the clock refused in one of its two ways. */
function stampOf(action: () => Timestamp): Timestamp | undefined {
  try {
    return action()
  } catch (error) {
    if (error instanceof ClockBehindError || error instanceof ClockOffsetError) return undefined
    throw error
  }
}

const counter = fc.oneof(fc.constantFrom(0, COUNTER_MAX - 1, COUNTER_MAX), fc.integer({ min: 0, max: COUNTER_MAX }))
const stepMs = fc.oneof(fc.constantFrom(0, 0, 1), fc.integer({ min: -800, max: 900 }))
const leadMs = fc.oneof(fc.constantFrom(-1, 0, 1, DELTA, DELTA + 1), fc.integer({ min: -1_000, max: 1_500 }))

const action = fc.record({
  kind: fc.constantFrom('now' as const, 'now' as const, 'receive' as const, 'observe' as const),
  stepMs,
  leadMs,
  counter,
})

test('I29 I30: one clock rises strictly and exceeds all it was told, within its offset and width, or refuses', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const physical = new ManualClock(START_MS)
      const clock = new HybridClock({ origin: 'own', physical })
      let known: Timestamp = clock.last
      const learn = (t: Timestamp): void => {
        if (compareTimestamps(t, known) > 0) known = t
      }
      for (const { kind, stepMs: byMs, leadMs: byLeadMs, counter: remoteCounter } of actions) {
        physical.advance(byMs)
        const remote = { wallMs: physical.nowMs() + byLeadMs, counter: remoteCounter, origin: 'peer' }
        const lastBefore = clock.last
        if (kind === 'observe') {
          expect(clock.observeCommitted(remote)).toBe(byLeadMs <= DELTA ? 'merged' : 'held')
          learn(remote)
          continue
        }
        const stamp = stampOf(() => (kind === 'now' ? clock.now() : clock.receive(remote)))
        if (stamp === undefined) {
          expect(clock.last).toEqual(lastBefore)
          continue
        }
        if (kind === 'receive') {
          expect(byLeadMs).toBeLessThanOrEqual(DELTA)
          learn(remote)
          expect(compareTimestamps(stamp, remote)).toBeGreaterThan(0)
        }
        // Origins are left out: what follows a stamp must exceed it by its numbers, whoever wrote it.
        expect(compareTimestamps({ ...stamp, origin: known.origin }, known)).toBeGreaterThan(0)
        expect(stamp.wallMs - physical.nowMs()).toBeLessThanOrEqual(DELTA)
        expect(stamp.counter).toBeLessThanOrEqual(COUNTER_MAX)
        known = stamp
      }
    }),
    { numRuns: 500 },
  )
})

test('refusal is exact: a peer is refused if and only if its lead is more than the maximum', () => {
  fc.assert(
    fc.property(leadMs, counter, fc.integer({ min: 0, max: DELTA + 500 }), (byLeadMs, remoteCounter, maxOffsetMs) => {
      const clock = new HybridClock({ origin: 'own', physical: new ManualClock(START_MS), maxOffsetMs })
      const remote = { wallMs: START_MS + byLeadMs, counter: remoteCounter, origin: 'peer' }
      const result = clock.tryReceive(remote)
      if (result.ok) {
        expect(byLeadMs).toBeLessThanOrEqual(maxOffsetMs)
        expect(compareTimestamps(result.stamp, remote)).toBeGreaterThan(0)
        return
      }
      // The other way to be refused: the counter is full and the carry would pass the maximum.
      const noRoom = byLeadMs === maxOffsetMs && remoteCounter === COUNTER_MAX
      expect(result.error).toBeInstanceOf(noRoom ? ClockBehindError : ClockOffsetError)
      expect(noRoom || byLeadMs > maxOffsetMs).toBe(true)
      expect(clock.last.wallMs).toBe(0)
    }),
    { numRuns: 500 },
  )
})

type Event = { readonly stamp: Timestamp; readonly causes: readonly Timestamp[] }
type Stamper = Pick<HybridClock, 'now' | 'receive'>

const CLOCKS = 4

const graph = fc.record({
  skewsMs: fc.array(fc.integer({ min: -400, max: 400 }), { minLength: CLOCKS, maxLength: CLOCKS }),
  steps: fc.array(
    fc.record({
      kind: fc.constantFrom('local' as const, 'send' as const, 'deliver' as const, 'deliver' as const, 'skew' as const),
      at: fc.nat({ max: CLOCKS - 1 }),
      pick: fc.nat(),
      elapsedMs: fc.constantFrom(0, 0, 0, 1, 5, 100),
      skewMs: fc.integer({ min: -400, max: 400 }),
    }),
    { minLength: 40, maxLength: 120 },
  ),
})

/**
 * Plays a message graph: each event names its direct causes, which are the event before it in its process and, for a
 * receipt, the sending. Messages arrive in any order, repeatedly or never; skews change under way.
 */
function play(
  input: typeof graph extends fc.Arbitrary<infer T> ? T : never,
  make: (origin: string, physical: ManualClock) => Stamper,
) {
  const processes = input.skewsMs.map((skewMs, i) => {
    const physical = new ManualClock(START_MS + skewMs)
    return { physical, skewMs, clock: make(`p${i}`, physical), before: undefined as Timestamp | undefined }
  })
  const messages: Timestamp[] = []
  const events: Event[] = []
  let trueMs = START_MS
  for (const step of input.steps) {
    trueMs += step.elapsedMs
    for (const process of processes) process.physical.set(trueMs + process.skewMs)
    const process = processes[step.at]
    if (process === undefined) throw new Error('no such process')
    if (step.kind === 'skew') {
      process.skewMs = step.skewMs
      continue
    }
    const message = step.kind === 'deliver' ? messages[step.pick % messages.length] : undefined
    if (step.kind === 'deliver' && message === undefined) continue
    const stamp = stampOf(() => (message === undefined ? process.clock.now() : process.clock.receive(message)))
    if (stamp === undefined) continue
    events.push({ stamp, causes: [process.before, message].filter((cause) => cause !== undefined) })
    process.before = stamp
    if (step.kind === 'send') messages.push(stamp)
  }
  return events
}

function firstBreachOfCausality(events: readonly Event[]): Event | undefined {
  return events.find(({ stamp, causes }) => causes.some((cause) => compareTimestamps(cause, stamp) >= 0))
}

test('I29: over a random message graph of skewed clocks every cause is below its effect, and no two stamps are equal', () => {
  let received = 0
  fc.assert(
    fc.property(graph, (input) => {
      const events = play(input, (origin, physical) => new HybridClock({ origin, physical }))
      expect(firstBreachOfCausality(events)).toBeUndefined()
      const texts = new Set(events.map(({ stamp }) => `${stamp.wallMs}/${stamp.counter}/${stamp.origin}`))
      expect(texts.size).toBe(events.length)
      received += events.filter(({ causes }) => causes.length === 2).length
    }),
    { numRuns: 300 },
  )
  // A graph without receipts proves nothing.
  expect(received).toBeGreaterThan(1_000)
})

test('the causality check finds a clock that does not merge what it receives', () => {
  const withoutMerge = (origin: string, physical: ManualClock): Stamper => {
    const clock = new HybridClock({ origin, physical })
    return { now: () => clock.now(), receive: () => clock.now() }
  }
  const step = { pick: 0, elapsedMs: 1 as const, skewMs: 0 }
  const input = {
    skewsMs: [100, 0],
    steps: [
      { ...step, kind: 'send' as const, at: 0 },
      { ...step, kind: 'deliver' as const, at: 1 },
    ],
  }
  expect(firstBreachOfCausality(play(input, withoutMerge))).toBeDefined()
})

/** A disk that fails some saves, having stored the value or not; the clock cannot tell which. */
function flakyCeiling(
  disk: CeilingStore,
  physical: ManualClock,
  failures: Iterator<'none' | 'before' | 'after'>,
): CeilingStore {
  return {
    load: () => disk.load(),
    save(ceilingMs) {
      expect(ceilingMs - physical.nowMs()).toBeLessThanOrEqual(DELTA)
      const failure = failures.next().value ?? 'none'
      if (failure === 'before') throw new ClockBehindError('ceiling', ceilingMs, 0, 0)
      disk.save(ceilingMs)
      if (failure === 'after') throw new ClockBehindError('ceiling', ceilingMs, 0, 0)
    },
    saveAhead: () => Promise.reject(new Error('not asked for')),
  }
}

const life = fc.record({
  setBackMs: fc.oneof(fc.constant(0), fc.integer({ min: -1_000, max: 1_000 })),
  failures: fc.array(fc.constantFrom('none' as const, 'none' as const, 'before' as const, 'after' as const), {
    maxLength: 6,
  }),
  actions: fc.array(action, { maxLength: 15 }),
})

test('I30: stamps rise over restarts with the wall clock set anywhere, or the start is refused', async () => {
  let restarts = 0
  let waits = 0
  await fc.assert(
    fc.asyncProperty(fc.array(life, { maxLength: 8 }), async (lives) => {
      const physical = new ManualClock(START_MS)
      const disk = memoryCeiling()
      let last: Timestamp | undefined
      for (const { setBackMs, failures, actions } of lives) {
        physical.advance(setBackMs)
        const leadMs0 = disk.savedMs - physical.nowMs()
        const sleep = async (ms: number): Promise<void> => {
          waits++
          physical.advance(ms)
        }
        const ceiling = flakyCeiling(disk, physical, failures.values())
        let clock: HybridClock
        try {
          clock = await HybridClock.open({ origin: 'own', physical, ceiling, sleep })
        } catch (error) {
          expect(error).toBeInstanceOf(ClockBehindError)
          expect(leadMs0).toBeGreaterThan(DELTA)
          continue
        }
        expect(leadMs0).toBeLessThanOrEqual(DELTA)
        restarts++
        for (const { kind, stepMs: byMs, leadMs: byLeadMs, counter: remoteCounter } of actions) {
          physical.advance(byMs)
          const remote = { wallMs: physical.nowMs() + byLeadMs, counter: remoteCounter, origin: 'peer' }
          if (kind === 'observe') clock.observeCommitted(remote)
          const stamp = stampOf(() => (kind === 'receive' ? clock.receive(remote) : clock.now()))
          if (stamp === undefined) continue
          expect(stamp.wallMs).toBeLessThanOrEqual(disk.savedMs)
          if (last !== undefined) expect(compareTimestamps(stamp, last)).toBeGreaterThan(0)
          last = stamp
        }
      }
    }),
    { numRuns: 300 },
  )
  // Lives that never begin, or never wait, prove nothing either.
  expect(restarts).toBeGreaterThan(100)
  expect(waits).toBeGreaterThan(10)
})

/**
 * A disk whose background save is under way until the test says how it ends, and which a crash leaves with what was
 * durable and, of a save under way, with all or nothing: `ceiling-slots` has no third outcome.
 */
function crashingDisk(physical: ManualClock) {
  let durableMs = 0
  let underWay: { readonly ceilingMs: number; readonly end: PromiseWithResolvers<void> } | undefined
  const put = (ceilingMs: number): void => {
    expect(ceilingMs - physical.nowMs()).toBeLessThanOrEqual(DELTA)
    durableMs = Math.max(durableMs, ceilingMs)
  }
  const ceiling: CeilingStore = {
    load: () => durableMs,
    save: put,
    saveAhead(ceilingMs) {
      expect(underWay).toBeUndefined()
      expect(ceilingMs - physical.nowMs()).toBeLessThanOrEqual(DELTA)
      underWay = { ceilingMs, end: Promise.withResolvers() }
      return underWay.end.promise
    },
  }
  return {
    ceiling,
    get durableMs() {
      return durableMs
    },
    get isSaving() {
      return underWay !== undefined
    },
    /** The save under way ends; nothing if there is none. */
    async end(how: 'saved' | 'failed' | 'saved but failed'): Promise<void> {
      const ending = underWay
      underWay = undefined
      if (ending === undefined) return
      if (how !== 'failed') durableMs = Math.max(durableMs, ending.ceilingMs)
      if (how === 'saved') ending.end.resolve()
      else ending.end.reject(new Error('disk'))
      await ending.end.promise.catch(() => {})
      // The clock learns of it in the turns that follow.
      for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
    },
    /** The process is no more. */
    crash(stored: boolean): void {
      if (underWay !== undefined && stored) durableMs = Math.max(durableMs, underWay.ceilingMs)
      underWay = undefined
    },
  }
}

const backgroundLife = fc.record({
  setBackMs: fc.oneof(fc.constant(0), fc.integer({ min: -600, max: 600 })),
  isStored: fc.boolean(),
  steps: fc.array(
    fc.record({
      kind: fc.constantFrom('now' as const, 'now' as const, 'receive' as const, 'raise' as const, 'end' as const),
      how: fc.constantFrom('saved' as const, 'saved' as const, 'failed' as const, 'saved but failed' as const),
      elapsedMs: fc.oneof(fc.constantFrom(0, 1, 199, 200, 201), fc.integer({ min: -300, max: 900 })),
      leadMs: fc.integer({ min: -1, max: DELTA }),
    }),
    { maxLength: 25 },
  ),
})

test('I30: stamps rise over crashes at any point, also of a save in the background', async () => {
  const seen = { overtaken: 0, crashedSaving: 0, spared: 0 }
  await fc.assert(
    fc.asyncProperty(fc.array(backgroundLife, { maxLength: 6 }), async (lives) => {
      const physical = new ManualClock(START_MS)
      const disk = crashingDisk(physical)
      let last: Timestamp | undefined
      for (const { setBackMs, isStored, steps } of lives) {
        physical.advance(setBackMs)
        const sleep = async (ms: number): Promise<void> => physical.advance(ms)
        let clock: HybridClock
        try {
          clock = await HybridClock.open({ origin: 'own', physical, ceiling: disk.ceiling, sleep })
        } catch (error) {
          expect(error).toBeInstanceOf(ClockBehindError)
          continue
        }
        for (const { kind, how, elapsedMs, leadMs: byLeadMs } of steps) {
          physical.advance(elapsedMs)
          if (kind === 'raise') void clock.raiseCeiling().catch(() => {})
          else if (kind === 'end') await disk.end(how)
          else {
            const beforeMs = disk.durableMs
            const remote = { wallMs: physical.nowMs() + byLeadMs, counter: 0, origin: 'peer' }
            const stamp = stampOf(() => (kind === 'receive' ? clock.receive(remote) : clock.now()))
            if (stamp === undefined) continue
            expect(stamp.wallMs).toBeLessThanOrEqual(disk.durableMs)
            if (last !== undefined) expect(compareTimestamps(stamp, last)).toBeGreaterThan(0)
            last = stamp
            if (disk.durableMs > beforeMs && disk.isSaving) seen.overtaken++
            if (disk.durableMs === beforeMs) seen.spared++
          }
        }
        if (disk.isSaving) seen.crashedSaving++
        disk.crash(isStored)
      }
    }),
    { numRuns: 400 },
  )
  // Worlds in which none of this happens prove nothing.
  expect(seen.overtaken).toBeGreaterThan(20)
  expect(seen.crashedSaving).toBeGreaterThan(100)
  expect(seen.spared).toBeGreaterThan(100)
})
