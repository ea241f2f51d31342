import type { RunHeader } from '../report/report-input.ts'

/**
 * - `before`: the leader is the cheapest for the region that asks;
 * - `stranded`: another region asks, and the leader has not moved yet;
 * - `after`: the leader is the cheapest again.
 */
export type PhaseName = 'before' | 'stranded' | 'after'

export interface PhaseLine {
  readonly kind: 'phase'
  readonly topology: string
  readonly phase: PhaseName
  readonly leaderRegion: string
  readonly clientRegion: string
  /** What `meridian leader explain` said a commit of this client would take at least under this leader. */
  readonly predictedMs: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  readonly count: number
  readonly failed: number
  /** Whether the mean is as near to the prediction as the goal asks. */
  readonly within: boolean
}

export interface MoveLine {
  readonly kind: 'move'
  readonly topology: string
  readonly source: string
  readonly target: string
  /** From the shift of demand until the new leader was seen, ms. */
  readonly afterShiftMs: number
  /** Why, in the placer's words. */
  readonly reason: string
  /** Longest time around the move without any answer. */
  readonly largestGapMs: number
  /** Calibrated round trip between the two. */
  readonly rttMs: number
  readonly gapRtts: number
  /** The slowest commit that was due around the move. */
  readonly slowestMs: number
}

export interface ShiftGoal {
  readonly kind: 'goal'
  readonly goal: string
  readonly verdict: 'met' | 'not met' | 'rejected'
  readonly reason: string
}

export type ShiftLine = PhaseLine | MoveLine | ShiftGoal

/** The text of a results file: the run, then a line each. */
export const shiftText = (run: RunHeader, lines: readonly ShiftLine[]): string =>
  [run, ...lines].map((line) => `${JSON.stringify(line, roundedValue)}\n`).join('')

/** Microseconds: more digits would be noise that makes files differ. */
const roundedValue = (_: string, value: unknown): unknown =>
  typeof value === 'number' && !Number.isInteger(value) ? Math.round(1000 * value) / 1000 : value
