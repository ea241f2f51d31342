import { LogHistogram } from './log-histogram.ts'

/** Operations times tiers times pairs of regions; what goes beyond is counted in `dropped`, not kept. */
export const TAX_KEYS_MAX = 512

export interface TaxRecord {
  readonly operation: string
  readonly tier: 'global' | 'regional'
  readonly clientRegion: string
  /** Where the tier's leader was. */
  readonly leaderRegion: string
  /** Absent while what it is made of is not known. */
  readonly floorMs: number | undefined
  /** What the floor is made of, or why there is none. */
  readonly floorReason: string
  readonly actualMs: number
}

/** Control operations of one kind since the meter was made. */
export interface TaxRow extends Omit<TaxRecord, 'actualMs'> {
  readonly count: number
  /** Mean of the floors that were known. */
  readonly floorMs: number | undefined
  /** Of the newest operation. */
  readonly floorReason: string
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** Median of actual over floor, each operation against its own floor; absent without a floor above 0. */
  readonly ratioP50: number | undefined
}

interface Cell {
  readonly kind: Pick<TaxRecord, 'operation' | 'tier' | 'clientRegion' | 'leaderRegion'>
  readonly actual: LogHistogram
  readonly ratio: LogHistogram
  floorsMs: number
  floors: number
  floorReason: string
}

/** What control operations cost against their floors. Percentiles are within 1 %, the maximum is exact. */
export class TaxMeter {
  readonly #keysMax: number
  readonly #cells = new Map<string, Cell>()
  #dropped = 0

  /** @param options.keysMax kinds of operations kept apart; default 512. */
  constructor(options: { readonly keysMax?: number } = {}) {
    this.#keysMax = options.keysMax ?? TAX_KEYS_MAX
  }

  /** Operations that belong to no row because there were too many kinds. */
  get dropped(): number {
    return this.#dropped
  }

  /** One operation that succeeded. Those that failed are not to be recorded: they cost something else. */
  record({ operation, tier, clientRegion, leaderRegion, floorMs, floorReason, actualMs }: TaxRecord): void {
    const key = [tier, operation, leaderRegion, clientRegion].join(' ')
    let cell = this.#cells.get(key)
    if (cell === undefined) {
      if (this.#cells.size >= this.#keysMax) {
        this.#dropped += 1
        return
      }
      const kind = { operation, tier, clientRegion, leaderRegion }
      cell = { kind, actual: new LogHistogram(), ratio: new LogHistogram(), floorsMs: 0, floors: 0, floorReason }
      this.#cells.set(key, cell)
    }
    cell.actual.record(actualMs)
    cell.floorReason = floorReason
    if (floorMs === undefined) return
    cell.floorsMs += floorMs
    cell.floors += 1
    if (floorMs > 0) cell.ratio.record(actualMs / floorMs)
  }

  /** By tier, operation, leader and client. */
  rows(): TaxRow[] {
    return [...this.#cells]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { kind, actual, ratio, floorsMs, floors, floorReason }]) => ({
        ...kind,
        count: actual.count,
        floorMs: floors === 0 ? undefined : floorsMs / floors,
        floorReason,
        p50Ms: actual.quantile(0.5),
        p99Ms: actual.quantile(0.99),
        maxMs: actual.max,
        ratioP50: ratio.count === 0 ? undefined : ratio.quantile(0.5),
      }))
  }
}
