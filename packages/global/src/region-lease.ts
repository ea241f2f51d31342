import { MeridianError } from '@meridian/topology'
import type { Revision } from '@meridian/topology'

/**
 * - `live`: the region's agents renew it.
 * - `silent`: the failover authority waited W_R for a renewal that did not come, then took the authority of the term
 *   before; the region's agents may renew at once, and write `live`.
 * - `barred`: an operator takes the region's ranges by hand; its agents may not renew until the bar is lifted. Whether
 *   the last term has run out yet, the record does not say: whoever acts on it waits, or trusts the attestation.
 */
export const REGION_LEASE_STATUSES = ['live', 'silent', 'barred'] as const
export type RegionLeaseStatus = (typeof REGION_LEASE_STATUSES)[number]

/** Where the leases of all regions are in G. */
export const REGION_LEASE_PREFIX = '/region/'

/** Why a region is barred. */
export interface Bar {
  readonly reason: string
  /** Somebody attests that nothing of the region runs: nobody has to wait for its leases to run out. */
  readonly poweredOff: boolean
}

/** The region's lease in G: its counter rises with each committed renewal, its term with each loss of authority. */
export interface RegionLeaseRecord {
  readonly term: bigint
  readonly counter: bigint
  readonly status: RegionLeaseStatus
  /** Present exactly while barred. */
  readonly bar?: Bar
}

export function encodeRegionLease(record: RegionLeaseRecord): Uint8Array {
  const { term, counter, status, bar } = record
  if ((bar === undefined) === (status === 'barred'))
    throw new Error(`assertion: a ${status} lease ${bar === undefined ? 'without' : 'with'} a bar`)
  return Buffer.from(
    JSON.stringify({
      term: String(term),
      counter: String(counter),
      status,
      ...(bar === undefined ? {} : { bar: { reason: bar.reason, poweredOff: bar.poweredOff } }),
    }),
  )
}

/** @throws Error on bytes that this code did not write: corruption, not a request error */
export function decodeRegionLease(bytes: Uint8Array): RegionLeaseRecord {
  const text = Buffer.from(bytes).toString()
  const { term, counter, status, bar } = Object(JSON.parse(text)) as Readonly<Record<string, unknown>>
  const known = REGION_LEASE_STATUSES.find((each) => each === status)
  if (typeof term !== 'string' || typeof counter !== 'string' || known === undefined) {
    throw new Error(`a region lease record does not decode: ${text}`)
  }
  const record = { term: BigInt(term), counter: BigInt(counter), status: known }
  if (known !== 'barred') return record
  const { reason, poweredOff } = Object(bar) as Readonly<Record<string, unknown>>
  if (typeof reason !== 'string' || typeof poweredOff !== 'boolean') {
    throw new Error(`a barred region lease record does not decode: ${text}`)
  }
  return { ...record, bar: { reason, poweredOff } }
}

/** What the next renewal writes. @throws MeridianError NO_REGION_LEASE while the region is barred */
export function renewed(record: RegionLeaseRecord | undefined): RegionLeaseRecord {
  if (record?.status === 'barred') {
    throw new MeridianError('NO_REGION_LEASE', `the region is barred: ${record.bar?.reason ?? ''}`)
  }
  return { term: record?.term ?? 1n, counter: (record?.counter ?? 0n) + 1n, status: 'live' }
}

/** Rate error bound between any two monotonic clocks. */
const DRIFT_MAX = 0.01
/** Allowance for scheduling and measurement, ms. */
const SLACK_MS = 250

/** How long a taker waits where a holder counts `leaseMs`: L(1+d)/(1-d)+e. 9,432 ms for 9 s. */
export function regionWaitMsOf(leaseMs: number, slackMs: number = SLACK_MS): number {
  return Math.ceil((leaseMs * (1 + DRIFT_MAX)) / (1 - DRIFT_MAX) + slackMs)
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
   *
   * @param budgetMs continuation bought in advance for the range: nobody takes it earlier than that after a renewal
   */
  remainingAtMs(nowMs: number, viewRevision: Revision, budgetMs = 0): number {
    return this.#remaining(
      this.#renewals.findLast((renewal) => renewal.revision <= viewRevision),
      nowMs,
      budgetMs,
    )
  }

  /** Whether a view of G at `viewRevision` includes every renewal, so that none says more than the view does. */
  isIncluded(viewRevision: Revision): boolean {
    const last = this.#renewals.at(-1)
    return last !== undefined && last.revision <= viewRevision
  }

  #remaining(renewal: Renewal | undefined, nowMs: number, budgetMs = 0): number {
    return renewal === undefined ? 0 : Math.max(0, renewal.sentMs + Math.max(this.#leaseMs, budgetMs) - nowMs)
  }
}
