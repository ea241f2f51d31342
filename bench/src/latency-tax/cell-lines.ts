import type { CellLine, RunHeader } from '../report/report-input.ts'
import { FLOORS, REGIONAL_READ } from './operations.ts'
import type { FloorKind, OperationRuns } from './operations.ts'
import { slotFigures } from './open-loop.ts'
import type { SlotSamples } from './open-loop.ts'

export interface MeasuredCell {
  readonly topology: string
  readonly leaderRegion: string
  readonly clientRegion: string
  /** Of a commit or a linearizable read at the global tier, from calibrated round trips, and their sum in words. */
  readonly floorMs: number
  readonly floorReason: string
  /** Median of the disk that the clusters write to. */
  readonly fsyncMs: number
  readonly samples: ReadonlyMap<string, SlotSamples>
  readonly rejected: string | null
}

/** One line per operation; figures of a run without a single success are null. */
export function cellLines(cell: MeasuredCell, operations: readonly OperationRuns[]): readonly CellLine[] {
  const figures = (name: string) => {
    const samples = cell.samples.get(name)
    return samples === undefined ? undefined : slotFigures(samples)
  }
  const regionalReadMs = figures(REGIONAL_READ)?.p50
  const floors: Readonly<Record<FloorKind, { readonly ms: number | undefined; readonly reason: string }>> = {
    wide: { ms: cell.floorMs, reason: cell.floorReason },
    regional: {
      ms: regionalReadMs === undefined ? undefined : regionalReadMs + cell.fsyncMs,
      reason: `confirmed read ${rounded(regionalReadMs) ?? '?'} ms + fsync ${cell.fsyncMs} ms`,
    },
    near: { ms: 0, reason: FLOORS.near },
  }
  return operations.map(({ operation, direct, proxied, raw, ours, floor }): CellLine => {
    const { ms: floorMs, reason: floorReason } = floors[floor]
    const oursFigures = figures(ours)
    const rawFigures = figures(raw)
    return {
      topology: cell.topology,
      operation,
      leaderRegion: cell.leaderRegion,
      clientRegion: cell.clientRegion,
      floorMs: rounded(floorMs),
      floorReason,
      directP50Ms: rounded(figures(direct)?.p50),
      proxiedP50Ms: rounded(figures(proxied)?.p50),
      rawP50Ms: rounded(rawFigures?.p50),
      rawP99Ms: rounded(rawFigures?.p99),
      oursP50Ms: rounded(oursFigures?.p50),
      oursP99Ms: rounded(oursFigures?.p99),
      taxRatio: oursFigures === undefined ? null : ratioOf(oursFigures.p50, floorMs),
      count: oursFigures?.count ?? 0,
      largestGapMs: rounded(oursFigures?.largestGapMs),
      rejected: cell.rejected,
    }
  })
}

/** Nothing is a multiple of no floor. */
const ratioOf = (ms: number, floorMs: number | undefined): number | null =>
  floorMs === undefined || floorMs === 0 ? null : Math.round((1e4 * ms) / floorMs) / 1e4

/** Microseconds: more digits would be noise that makes files differ. */
function rounded(ms: number): number
function rounded(ms: number | undefined): number | null
function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(1000 * ms) / 1000
}

/** The text of a results file: the run, then a cell per line. */
export const resultsText = (run: RunHeader, lines: readonly CellLine[]): string =>
  [run, ...lines].map((line) => `${JSON.stringify(line)}\n`).join('')
