import type { RttSummary } from './rtt-window.ts'

/** Ordered pairs: twice the pairs of 16 regions, which is what a WAN matrix holds at most. */
export const RTT_PAIRS_MAX = 256
/** A round trip whose newest sample is older is no ground to move a leader on. */
export const RTT_AGE_MS_MAX = 30_000

/** What one region server knows of an ordered pair; what travels leaves `clockOffsetMs` out. */
export type RttFigures = Omit<RttSummary, 'clockOffsetMs'>

export interface RttRow extends RttFigures {
  readonly source: string
  readonly target: string
}

/** Latest round trips between all regions, as measured here and as heard from the servers of other regions. */
export class RttMatrix {
  readonly #nowMs: () => number
  readonly #ageMsMax: number
  readonly #pairs = new Map<string, { readonly row: RttRow; readonly sampledAtMs: number }>()

  /** @param options.nowMs monotonic. @param options.ageMsMax when a pair is stale; default 30 s. */
  constructor(options: { readonly nowMs: () => number; readonly ageMsMax?: number }) {
    this.#nowMs = options.nowMs
    this.#ageMsMax = options.ageMsMax ?? RTT_AGE_MS_MAX
  }

  /**
   * Keeps the figures of a pair unless newer ones are known already, so that hearsay may come by any way and in any order.
   * @returns whether they were kept; false also for figures that are none and for a pair beyond RTT_PAIRS_MAX.
   */
  put(source: string, target: string, figures: RttFigures): boolean {
    const { minMs, p50Ms, p99Ms, samples, oneWayMs, oneWayErrorMs, ageMs } = figures
    const all = [minMs, p50Ms, p99Ms, samples, oneWayMs, oneWayErrorMs, ageMs]
    if (source === target || samples === 0 || !all.every((figure) => figure >= 0 && Number.isFinite(figure)))
      return false
    const key = pairKey(source, target)
    const known = this.#pairs.get(key)
    const sampledAtMs = this.#nowMs() - ageMs
    if (known === undefined ? this.#pairs.size >= RTT_PAIRS_MAX : known.sampledAtMs > sampledAtMs) return false
    const row = { source, target, minMs, p50Ms, p99Ms, samples, oneWayMs, oneWayErrorMs, ageMs }
    this.#pairs.set(key, { row, sampledAtMs })
    return true
  }

  /** All pairs by source and target, ages as of now. */
  rows(): RttRow[] {
    const rows = [...this.#pairs.values()].map(({ row, sampledAtMs }) => ({
      ...row,
      ageMs: Math.max(0, this.#nowMs() - sampledAtMs),
    }))
    return rows.sort((a, b) => (pairKey(a.source, a.target) < pairKey(b.source, b.target) ? -1 : 1))
  }

  /**
   * The round trip, ms, as `a` measured it, else as `b` did; of two, the one that is not stale. However old: for
   * showing. Absent when neither is known. Bound, so that it can be handed on.
   */
  readonly lookup = (a: string, b: string, figure: 'minMs' | 'p50Ms' = 'minMs'): number | undefined =>
    a === b ? 0 : (this.#fresh(a, b) ?? this.#pairs.get(pairKey(a, b)) ?? this.#pairs.get(pairKey(b, a)))?.row[figure]

  /** As `lookup`, but absent also when all that is known is stale: for deciding. */
  readonly lookupFresh = (a: string, b: string, figure: 'minMs' | 'p50Ms' = 'minMs'): number | undefined =>
    a === b ? 0 : this.#fresh(a, b)?.row[figure]

  /** Whether every two of the voters have a round trip that is not stale. */
  isComplete(voters: readonly string[]): boolean {
    return voters.every((a) => voters.every((b) => this.lookupFresh(a, b) !== undefined))
  }

  #fresh(a: string, b: string): { readonly row: RttRow } | undefined {
    const [own, other] = [this.#pairs.get(pairKey(a, b)), this.#pairs.get(pairKey(b, a))]
    const oldestMs = this.#nowMs() - this.#ageMsMax
    return [own, other].find((pair) => pair !== undefined && pair.sampledAtMs >= oldestMs)
  }
}

const pairKey = (source: string, target: string): string => `${source} ${target}`
