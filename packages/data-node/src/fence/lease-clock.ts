import type { Generation, RangeId } from '@meridian/topology'

/** Lease reads stop this long before the deadline. */
export const LEASE_GUARD_MS = 100

/**
 * The deadline of one lease, held by whoever was granted it.
 *
 * The grant runs from the moment the question was SENT, by the holder's own monotonic clock: the grantor cannot have
 * decided before that, so however late the answer arrives, the holder stops first. Holds while the rates of any two
 * clocks differ by less than the margin in the grantor's wait. Not promised: anything at all on a clock that stands
 * still while the world moves; tokens cover that case for writes and quorum reads, nothing covers it for lease reads.
 *
 * A lease alone fences nobody. It makes reads local and writes stop early; the token keeps them right.
 */
export class LeaseClock {
  #validUntilMs = Number.NEGATIVE_INFINITY

  /** Monotonic milliseconds of the holder's clock; minus infinity before the first grant. */
  get validUntil(): number {
    return this.#validUntilMs
  }

  /**
   * @param sentMs the holder's clock when it sent the question, sampled before sending
   * @param durationMs what the grantor answered; 0 or less grants nothing
   */
  granted(sentMs: number, durationMs: number): void {
    if (!Number.isFinite(sentMs) || !Number.isFinite(durationMs))
      throw new Error(`no lease: sent ${sentMs}, for ${durationMs}`)
    if (durationMs <= 0) return
    // An answer that overtook a later one must not shorten what the later one granted: each grant stands by itself.
    this.#validUntilMs = Math.max(this.#validUntilMs, sentMs + durationMs)
  }

  /** @param nowMs a sample taken in this very turn: a flag set by a timer may be read after a pause of any length */
  check(nowMs: number, guardMs = 0): boolean {
    return nowMs < this.#validUntilMs - guardMs
  }

  /** Gives the lease up at once. */
  drop(): void {
    this.#validUntilMs = Number.NEGATIVE_INFINITY
  }
}

export interface RangeGeneration {
  readonly rangeId: RangeId
  readonly generation: Generation
}

/** Pairs remembered at once; one node holds shards of far fewer ranges. */
const PAIRS_MAX = 65_536

/**
 * The region's lease as one node may use it: the lease is the region's, the authority is per (range, generation), and
 * an answer extends the very pairs it confirms. A pair that is not confirmed again runs out by itself.
 */
export class RegionLeases {
  readonly #untilMs = new Map<string, LeaseClock>()

  /** Each pair for `remainingMs`, or for its own when that is longer: bought in advance, or promised. */
  confirmed(sentMs: number, remainingMs: number, pairs: readonly (RangeGeneration & { remainingMs?: number })[]): void {
    for (const pair of pairs) {
      const durationMs = Math.max(remainingMs, pair.remainingMs ?? 0)
      if (durationMs <= 0) continue
      const key = pairKey(pair)
      let clock = this.#untilMs.get(key)
      if (clock === undefined) {
        if (this.#untilMs.size >= PAIRS_MAX) this.#prune(sentMs)
        clock = new LeaseClock()
        this.#untilMs.set(key, clock)
      }
      clock.granted(sentMs, durationMs)
    }
  }

  validUntil(pair: RangeGeneration): number {
    return this.#untilMs.get(pairKey(pair))?.validUntil ?? Number.NEGATIVE_INFINITY
  }

  check(pair: RangeGeneration, nowMs: number, guardMs = 0): boolean {
    return this.#untilMs.get(pairKey(pair))?.check(nowMs, guardMs) ?? false
  }

  drop(): void {
    this.#untilMs.clear()
  }

  #prune(nowMs: number): void {
    for (const [key, clock] of this.#untilMs) if (!clock.check(nowMs)) this.#untilMs.delete(key)
    // Forgetting a lease that still runs only refuses work that could have been done.
    if (this.#untilMs.size >= PAIRS_MAX) this.#untilMs.clear()
  }
}

function pairKey(pair: RangeGeneration): string {
  return `${pair.rangeId}/${pair.generation}`
}
