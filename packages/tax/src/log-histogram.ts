/** Relative error of a quantile. Half of the 1 % that is promised, so that rounding at bucket bounds cannot use it up. */
const ERROR = 0.005
const GAMMA = (1 + ERROR) / (1 - ERROR)
const LOG_GAMMA = Math.log(GAMMA)
/** Values outside count as the nearer bound: below a nanosecond in ms, above some three hours in ms. With GAMMA, 3000 buckets. */
const VALUE_MIN = 1e-6
const VALUE_MAX = 1e7

/**
 * Counts of positive values in buckets whose bounds grow by a constant factor: quantiles within 1 % of the exact ones
 * over any number of values, in memory bounded by the number of buckets.
 */
export class LogHistogram {
  readonly #buckets = new Map<number, number>()
  #count = 0
  #min = Number.POSITIVE_INFINITY
  #max = 0

  get count(): number {
    return this.#count
  }

  /** Exact; 0 without values. */
  get max(): number {
    return this.#max
  }

  /** @throws Error (assertion) for what is not a number from 0 up. */
  record(value: number): void {
    if (!(value >= 0 && Number.isFinite(value))) throw new Error(`assertion: ${value} is no latency or ratio`)
    const bucket = Math.ceil(Math.log(Math.min(VALUE_MAX, Math.max(VALUE_MIN, value))) / LOG_GAMMA)
    this.#buckets.set(bucket, (this.#buckets.get(bucket) ?? 0) + 1)
    this.#count += 1
    this.#min = Math.min(this.#min, value)
    this.#max = Math.max(this.#max, value)
  }

  /** The smallest value that at least `share` of all values do not exceed, within 1 %; 0 without values. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count))
    let seen = 0
    for (const [bucket, count] of [...this.#buckets].sort(([a], [b]) => a - b)) {
      seen += count
      if (seen >= rank) return Math.min(this.#max, Math.max(this.#min, (2 * GAMMA ** bucket) / (GAMMA + 1)))
    }
    return 0
  }
}
