import type { Revision } from '@meridian/topology'

/** The region's lease in G: its counter rises with each committed renewal, its term with each takeover. */
export interface RegionLeaseRecord {
  readonly term: bigint
  readonly counter: bigint
}

export function encodeRegionLease(record: RegionLeaseRecord): Uint8Array {
  return Buffer.from(JSON.stringify({ term: String(record.term), counter: String(record.counter) }))
}

/** @throws Error on bytes that this code did not write: corruption, not a request error */
export function decodeRegionLease(bytes: Uint8Array): RegionLeaseRecord {
  const parsed: unknown = JSON.parse(Buffer.from(bytes).toString())
  if (
    typeof parsed !== 'object' ||
    parsed === null ||
    !('term' in parsed && typeof parsed.term === 'string') ||
    !('counter' in parsed && typeof parsed.counter === 'string')
  ) {
    throw new Error('a region lease record does not decode')
  }
  return { term: BigInt(parsed.term), counter: BigInt(parsed.counter) }
}

/** A renewal that G acknowledged. */
export interface Renewal {
  /** Monotonic ms of this process, read BEFORE the renewal was sent. */
  readonly sentMs: number
  /** Revision at which it was committed. */
  readonly revision: Revision
}

/** Renewals remembered: enough for a view of G that is several of them behind. */
const RENEWALS_MAX = 16

/**
 * What a region may still vouch for. Pure: every question brings its own clock sample.
 *
 * The deadline counts from before the renewal was SENT. Counted from its receipt it would outlive the takeover by the
 * length of the round trip: the acknowledgement took 3 s, the holder believes 3 s too long, the taker already writes.
 */
export class RegionLease {
  readonly #leaseMs: number
  readonly #renewals: Renewal[] = []

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /** Renewals are acknowledged in the order of their revisions; an older one is ignored. */
  renewed(renewal: Renewal): void {
    const last = this.#renewals.at(-1)
    if (last !== undefined && renewal.revision <= last.revision) return
    this.#renewals.push(renewal)
    if (this.#renewals.length > RENEWALS_MAX) this.#renewals.shift()
  }

  /** The authority is gone (the term changed): nothing before counts any more. */
  revoked(): void {
    this.#renewals.length = 0
  }

  /** Milliseconds left of the newest renewal; 0 when none is. */
  remainingMs(nowMs: number): number {
    return this.#remaining(this.#renewals.at(-1), nowMs)
  }

  /**
   * Milliseconds for which a statement about ownership, read from a view of G at `viewRevision`, may be vouched for:
   * those of the newest renewal that the view includes. A later renewal proves nothing about a range that the view
   * still shows, because the range may have been taken between the two.
   */
  remainingAtMs(nowMs: number, viewRevision: Revision): number {
    return this.#remaining(
      this.#renewals.findLast((renewal) => renewal.revision <= viewRevision),
      nowMs,
    )
  }

  #remaining(renewal: Renewal | undefined, nowMs: number): number {
    return renewal === undefined ? 0 : Math.max(0, renewal.sentMs + this.#leaseMs - nowMs)
  }
}
