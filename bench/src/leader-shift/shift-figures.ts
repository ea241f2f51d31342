import { distributionOf } from '../distribution.ts'
import { largestGapMs } from '../latency-tax/open-loop.ts'
import type { Asked } from './demand-stream.ts'

/** From the first to before the second, of the run's clock. */
export interface Span {
  readonly fromMs: number
  readonly untilMs: number
}

export interface SpanFigures {
  readonly count: number
  readonly failed: number
  readonly meanMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

/** Of what was due in the span, from one region; undefined when none of it succeeded. */
export function spanFigures(
  asked: readonly Asked[],
  region: string,
  { fromMs, untilMs }: Span,
): SpanFigures | undefined {
  const due = asked.filter((each) => each.region === region && each.countedMs >= fromMs && each.countedMs < untilMs)
  const tookMs = due.flatMap(({ countedMs, doneMs }) => (doneMs === undefined ? [] : [doneMs - countedMs]))
  if (tookMs.length === 0) return undefined
  const { count, p50, p99, max } = distributionOf(tookMs)
  const meanMs = tookMs.reduce((sum, ms) => sum + ms, 0) / count
  return { count, failed: due.length - count, meanMs, p50Ms: p50, p99Ms: p99, maxMs: max }
}

/** The longest time within the span in which nothing that anybody asked for was answered. */
export function spanGapMs(asked: readonly Asked[], { fromMs, untilMs }: Span): number {
  const answeredMs = asked.flatMap(({ doneMs }) =>
    doneMs === undefined || doneMs < fromMs || doneMs >= untilMs ? [] : [doneMs],
  )
  return largestGapMs([fromMs, ...answeredMs, untilMs])
}
