import fc from 'fast-check'
import { test } from 'vitest'
import { CLOCK_GUARD_START, step } from './clock-guard.ts'
import type { ClockSample } from './clock-guard.ts'

/** Of one reading; a machine's clocks are off by it in either direction. */
const JITTER_MS = 20
const RATE_SPREAD = 0.001

const jitter = fc.double({ min: 0, max: JITTER_MS, noNaN: true })
const rate = fc.double({ min: 1 - RATE_SPREAD / 2.01, max: 1 + RATE_SPREAD / 2.01, noNaN: true })
const tick = (gapMsMax: number) =>
  fc.record({
    gapMs: fc.oneof(
      { weight: 20, arbitrary: fc.double({ min: 95, max: 130, noNaN: true }) },
      { weight: 1, arbitrary: fc.double({ min: 0, max: gapMsMax, noNaN: true }) },
    ),
    jitters: fc.tuple(jitter, jitter, jitter),
  })
const machine = fc.record({
  wallRate: rate,
  monotonicRate: rate,
  bootRate: rate,
  hasBoot: fc.boolean(),
})

type Machine = typeof machine extends fc.Arbitrary<infer T> ? T : never
type Tick = ReturnType<typeof tick> extends fc.Arbitrary<infer T> ? T : never

function sampleAt(
  of: Machine,
  realMs: number,
  [wall, monotonic, boot]: Tick['jitters'],
  wallStepMs = 0,
  sleptMs = 0,
): ClockSample {
  return {
    wallMs: Math.floor(1.7e12 + realMs * of.wallRate + wall + wallStepMs),
    monotonicMs: (realMs - sleptMs) * of.monotonicRate + monotonic,
    bootMs: of.hasBoot ? Math.floor((realMs * of.bootRate + boot) / 10) * 10 : undefined,
  }
}

test('never suspect while rates are within 1000 ppm and readings within 20 ms, whatever the gaps', () => {
  fc.assert(
    fc.property(machine, fc.array(tick(3_600_000), { minLength: 2, maxLength: 120 }), (of, ticks) => {
      let state = CLOCK_GUARD_START
      let realMs = 0
      for (const { gapMs, jitters } of ticks) {
        realMs += gapMs
        state = step(state, sampleAt(of, realMs, jitters))[0]
      }
      return state.jumps === 0 && state.window.length <= 64
    }),
  )
})

const size = fc.double({ min: 300, max: 86_400_000, noNaN: true })

test('suspect at the first sample after a step of the wall, or a suspend, of 300 ms or more', () => {
  fc.assert(
    fc.property(
      machine,
      fc.array(tick(2_000), { minLength: 1, maxLength: 60 }),
      tick(2_000),
      size,
      fc.constantFrom('forward', 'back', 'suspend'),
      (of, ticks, last, sizeMs, kind) => {
        let state = CLOCK_GUARD_START
        let realMs = 0
        for (const { gapMs, jitters } of ticks) {
          realMs += gapMs
          state = step(state, sampleAt(of, realMs, jitters))[0]
        }
        realMs += last.gapMs + (kind === 'suspend' ? sizeMs : 0)
        const wallStepMs = kind === 'suspend' ? 0 : kind === 'forward' ? sizeMs : -sizeMs
        const sample = sampleAt(of, realMs, last.jitters, wallStepMs, kind === 'suspend' ? sizeMs : 0)
        return step(state, sample)[1].kind === 'suspect'
      },
    ),
  )
})
