import type { CellLine, RunHeader } from '../report/report-input.ts'
import type { OperationRuns } from './operations.ts'
import { slotFigures } from './open-loop.ts'
import type { SlotSamples } from './open-loop.ts'

export interface MeasuredCell {
  readonly topology: string
  readonly leaderRegion: string
  readonly clientRegion: string
  /** Of a commit or a linearizable read, from calibrated round trips. */
  readonly floorMs: number
  readonly samples: ReadonlyMap<string, SlotSamples>
  readonly rejected: string | null
}

/** One line per operation; figures of a run without a single success are null. */
export function cellLines(cell: MeasuredCell, operations: readonly OperationRuns[]): readonly CellLine[] {
  const figures = (name: string) => {
    const samples = cell.samples.get(name)
    return samples === undefined ? undefined : slotFigures(samples)
  }
  return operations.map(({ operation, direct, proxied, raw, ours, wide }): CellLine => {
    const floorMs = wide ? rounded(cell.floorMs) : 0
    const oursFigures = figures(ours)
    const rawFigures = figures(raw)
    return {
      topology: cell.topology,
      operation,
      leaderRegion: cell.leaderRegion,
      clientRegion: cell.clientRegion,
      floorMs,
      directP50Ms: rounded(figures(direct)?.p50),
      proxiedP50Ms: rounded(figures(proxied)?.p50),
      rawP50Ms: rounded(rawFigures?.p50),
      rawP99Ms: rounded(rawFigures?.p99),
      oursP50Ms: rounded(oursFigures?.p50),
      oursP99Ms: rounded(oursFigures?.p99),
      // Nothing is a multiple of no distance.
      taxRatio: oursFigures === undefined || !wide ? null : Math.round((1e4 * oursFigures.p50) / cell.floorMs) / 1e4,
      count: oursFigures?.count ?? 0,
      largestGapMs: rounded(oursFigures?.largestGapMs),
      rejected: cell.rejected,
    }
  })
}

/** Microseconds: more digits would be noise that makes files differ. */
function rounded(ms: number): number
function rounded(ms: number | undefined): number | null
function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(1000 * ms) / 1000
}

/** The text of a results file: the run, then a cell per line. */
export const resultsText = (run: RunHeader, lines: readonly CellLine[]): string =>
  [run, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('')
