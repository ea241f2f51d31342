import { compareTokens, tokensEqual, ZERO_TOKEN } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import type { LogPosition } from './log-entry.ts'

/** The stretch of a log that one leader wrote: from `first` to right below the next run, or to the end. */
export interface TokenRun {
  readonly token: Token
  readonly first: number
}

/** Runs remembered at most; the oldest go first. One is added per change of leader, not per entry. */
export const LINEAGE_RUNS_MAX = 1024

/** Where the kept part of a log begins, with the runs of the trimmed part: who wrote what outlives the entries. */
export interface LogBase extends LogPosition {
  /** Up to `index`, in order. */
  readonly lineage: readonly TokenRun[]
}

export const LOG_START: LogBase = { index: 0, token: ZERO_TOKEN, lineage: [] }

export function samePosition(a: LogPosition, b: LogPosition): boolean {
  return a.index === b.index && tokensEqual(a.token, b.token)
}

/** Undefined below the oldest run remembered; the start itself has the zero token. */
export function runTokenAt(runs: readonly TokenRun[], index: number): Token | undefined {
  if (index === 0) return ZERO_TOKEN
  return runs.findLast((run) => run.first <= index)?.token
}

/** The last position at or below `limit` in both index and token: no log that ends at `limit` can agree further. */
export function lastPossible(runs: readonly TokenRun[], lastIndex: number, limit: LogPosition): LogPosition {
  let end = lastIndex
  for (let at = runs.length - 1; at >= 0; at--) {
    const run = runs[at]
    if (run === undefined) break
    if (run.first <= limit.index && compareTokens(run.token, limit.token) <= 0)
      return { index: Math.min(end, limit.index), token: run.token }
    end = run.first - 1
  }
  return { index: 0, token: ZERO_TOKEN }
}

/**
 * Up to where two logs of one shard agree. What one token stands for was written by one leader, from one first index
 * on, so logs that share a run agree at least to its shorter end (argued in SPEC.md). 0 when no run known to both is
 * left.
 */
export function meetingIndex(a: readonly TokenRun[], aLast: number, b: readonly TokenRun[], bLast: number): number {
  for (let at = a.length - 1; at >= 0; at--) {
    const run = a[at]
    if (run === undefined) break
    const other = b.findIndex((candidate) => tokensEqual(candidate.token, run.token))
    if (other < 0) continue
    const aEnd = (a[at + 1]?.first ?? aLast + 1) - 1
    const bEnd = (b[other + 1]?.first ?? bLast + 1) - 1
    return Math.min(aEnd, bEnd)
  }
  return 0
}
