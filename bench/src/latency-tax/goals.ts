import type { CellLine } from '../report/report-input.ts'
import { OPERATIONS } from './operations.ts'

export type GoalName = 'raw' | 'floor' | 'tail' | 'tax' | 'regional'
export type GoalVerdict = 'met' | 'not met' | 'does not apply' | 'rejected'

export interface GoalResult {
  readonly goal: GoalName
  readonly verdict: GoalVerdict
  /** What was compared with the bound; null where there is nothing to compare. */
  readonly value: number | null
  /** The value with what it is made of, so that it tells whose share is too large. */
  readonly reason: string
}

export interface CellGoals {
  readonly leaderRegion: string
  readonly clientRegion: string
  readonly results: readonly GoalResult[]
}

export const OVER_RAW_P50_MS_MAX = 0.5
export const OVER_FLOOR_P50_MS_MAX = 4
export const OVER_FLOOR_P99_MS_MAX = 15
export const TAX_RATIO_MAX = 1.03
/** The tax ratio is judged from this floor on: below, a millisecond is more than a percent. */
export const TAX_FLOOR_MS_MIN = 140
export const REGIONAL_GAIN_MIN = 50

export const GOALS: Readonly<Record<GoalName, string>> = {
  raw: `p50 <= raw etcd + ${OVER_RAW_P50_MS_MAX} ms`,
  floor: `p50 <= floor + ${OVER_FLOOR_P50_MS_MAX} ms`,
  tail: `p99 <= floor + ${OVER_FLOOR_P99_MS_MAX} ms`,
  tax: `p50 <= ${TAX_RATIO_MAX} x floor, where the floor is >= ${TAX_FLOOR_MS_MIN} ms`,
  regional: `regional leader change >= ${REGIONAL_GAIN_MIN} x cheaper than flat`,
}

/** One per place of the leader and client region in which a global commit was measured. */
export function goalsOf(lines: readonly CellLine[]): readonly CellGoals[] {
  const of = (cell: CellLine, operation: string) =>
    lines.find(
      (line) =>
        line.operation === operation &&
        line.leaderRegion === cell.leaderRegion &&
        line.clientRegion === cell.clientRegion,
    )
  return lines
    .filter((line) => line.operation === OPERATIONS.globalCommit)
    .map((commit) => ({
      leaderRegion: commit.leaderRegion,
      clientRegion: commit.clientRegion,
      results: commitGoals(commit, of(commit, OPERATIONS.flatChange), of(commit, OPERATIONS.regionalChange)),
    }))
}

function commitGoals(
  commit: CellLine,
  flat: CellLine | undefined,
  regional: CellLine | undefined,
): readonly GoalResult[] {
  const { floorMs, directP50Ms, proxiedP50Ms, rawP50Ms, rawP99Ms, oursP50Ms, oursP99Ms, rejected } = commit
  const judge = (goal: GoalName, value: number | null, met: (value: number) => boolean, reason: string): GoalResult => {
    if (rejected !== null) return { goal, verdict: 'rejected', value, reason: rejected }
    if (value === null) return { goal, verdict: 'does not apply', value, reason: 'not measured, or no such case' }
    return { goal, verdict: met(value) ? 'met' : 'not met', value, reason }
  }
  const less = (a: number | null, b: number | null) => (a === null || b === null ? null : a - b)
  const over = (a: number | null, b: number | null) => (a === null || b === null || b === 0 ? null : a / b)
  const judgedFloorMs = floorMs !== null && floorMs >= TAX_FLOOR_MS_MIN ? floorMs : null
  const overRawMs = less(oursP50Ms, rawP50Ms)
  const emulationMs = less(proxiedP50Ms, directP50Ms)
  const etcdMs = less(less(rawP50Ms, floorMs), emulationMs)
  const tailMs = less(oursP99Ms, floorMs)
  const gain = over(flat?.oursP50Ms ?? null, regional?.oursP50Ms ?? null)
  return [
    judge('raw', overRawMs, (value) => value <= OVER_RAW_P50_MS_MAX, `${signed(overRawMs)} ms`),
    judge(
      'floor',
      less(oursP50Ms, floorMs),
      (value) => value <= OVER_FLOOR_P50_MS_MAX,
      `${signed(less(oursP50Ms, floorMs))} ms: emulation ${signed(emulationMs)}, etcd ${signed(etcdMs)}, ours ${signed(overRawMs)}`,
    ),
    judge(
      'tail',
      tailMs,
      (value) => value <= OVER_FLOOR_P99_MS_MAX,
      `${signed(tailMs)} ms; raw etcd ${signed(less(rawP99Ms, floorMs))}`,
    ),
    judge(
      'tax',
      over(oursP50Ms, judgedFloorMs),
      (value) => value <= TAX_RATIO_MAX,
      `${times(over(oursP50Ms, floorMs))}; raw etcd ${times(over(rawP50Ms, floorMs))}`,
    ),
    judge(
      'regional',
      gain,
      (value) => value >= REGIONAL_GAIN_MIN,
      `${gain?.toFixed(0) ?? '-'} x: ${flat?.oursP50Ms?.toFixed(1) ?? '-'} ms flat, ${regional?.oursP50Ms?.toFixed(2) ?? '-'} ms regional`,
    ),
  ]
}

const signed = (value: number | null): string =>
  value === null ? '-' : `${value < 0 ? '-' : '+'}${Math.abs(value).toFixed(2)}`
const times = (value: number | null): string => (value === null ? '-' : `${value.toFixed(3)} x`)

/** Of the cells in which a goal is not met, the one that is farthest from it. */
export function farthestFrom(
  goal: GoalName,
  goals: readonly CellGoals[],
): (CellGoals & { result: GoalResult }) | undefined {
  const missed = goals.flatMap((cell) =>
    cell.results.flatMap((result) =>
      result.goal === goal && result.verdict === 'not met' ? [{ ...cell, result }] : [],
    ),
  )
  // Only the gain is the better the larger it is.
  const sign = goal === 'regional' ? -1 : 1
  return missed.toSorted((a, b) => sign * ((b.result.value ?? 0) - (a.result.value ?? 0)))[0]
}

export const allMet = (goals: readonly CellGoals[]): boolean =>
  goals.length > 0 &&
  goals.every(({ results }) => results.every(({ verdict }) => verdict === 'met' || verdict === 'does not apply'))
