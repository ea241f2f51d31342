import { describe, expect, it } from 'vitest'
import { run } from '../latency-tax/fixtures/cell.ts'
import { shiftGoals } from './shift-goals.ts'
import type { Shifted } from './shift-goals.ts'
import { shiftText } from './shift-lines.ts'
import type { MoveLine, PhaseLine } from './shift-lines.ts'
import { shiftSummary } from './shift-tables.ts'

const after: PhaseLine = {
  kind: 'phase',
  topology: 'abc-3',
  phase: 'after',
  leaderRegion: 'ap-southeast',
  clientRegion: 'ap-southeast',
  predictedMs: 188.6,
  meanMs: 192.1234567,
  p50Ms: 191,
  p99Ms: 230,
  maxMs: 240,
  count: 1200,
  failed: 0,
  within: true,
}
const move: MoveLine = {
  kind: 'move',
  topology: 'abc-3',
  source: 'us-east',
  target: 'ap-southeast',
  afterShiftMs: 91_234,
  reason: 'ap-southeast would cost 220.1 ms instead of 270.3 ms',
  largestGapMs: 600,
  rttMs: 237.5,
  gapRtts: 600 / 237.5,
  slowestMs: 910,
}
const good: Shifted = { phases: [after], moves: [move], failures: [], rejected: null }

describe('the goals of a shift', () => {
  it.each<{ what: string; change: Partial<Shifted>; verdicts: readonly string[]; reason: RegExp }>([
    { what: 'all met', change: {}, verdicts: ['met', 'met', 'met'], reason: /\+3\.5 ms, allowed 4\.8 ms/ },
    {
      what: 'a mean too far away',
      change: { phases: [{ ...after, meanMs: 194, within: false }] },
      verdicts: ['not met', 'met', 'met'],
      reason: /\+5\.4 ms/,
    },
    {
      what: 'no move',
      change: { phases: [], moves: [] },
      verdicts: ['not met', 'not met', 'met'],
      reason: /did not move .* there was no move/,
    },
    {
      what: 'the dearest of two moves',
      change: { moves: [move, { ...move, largestGapMs: 1000, gapRtts: 4.21 }] },
      verdicts: ['met', 'not met', 'met'],
      reason: /for 1000\.0 ms of us-east -> ap-southeast: 4\.2 round trips of 237\.5 ms/,
    },
    {
      what: 'a request that failed',
      change: { failures: ['us-east: gone', 'us-east: gone'] },
      verdicts: ['met', 'met', 'not met'],
      reason: /2 failed, the first: us-east: gone/,
    },
    {
      what: 'a rejected run',
      change: { rejected: 'it was late' },
      verdicts: ['rejected', 'rejected', 'rejected'],
      reason: /none failed/,
    },
  ])('$what', ({ change, verdicts, reason }) => {
    const goals = shiftGoals({ ...good, ...change })
    expect(goals.map(({ verdict }) => verdict)).toEqual(verdicts)
    expect(goals.map((goal) => goal.reason).join(' ')).toMatch(reason)
  })
})

it('are told in 80 columns, and kept one line each with microseconds', () => {
  const lines = [after, move, ...shiftGoals(good)]
  const told = shiftSummary(
    { ...run, parameters: { commits: 3000, ratePerS: 20, tookS: 290, loadAverage: 0.2 } },
    lines,
  )
  expect(told.filter((line) => line.startsWith('met'))).toHaveLength(3)
  expect(told).toContain('us-east -> ap-southeast, 91.2 s after the shift: no answer for 600.0 ms (2.5')
  for (const line of told) expect(line.length).toBeLessThanOrEqual(80)
  const kept = shiftText(run, lines).trimEnd().split('\n')
  expect(kept).toHaveLength(6)
  expect(JSON.parse(kept[1] ?? '')).toMatchObject({ kind: 'phase', meanMs: 192.123 })
})
