import type { Clock, Logger } from '@meridian/loop'
import type { Store, StoreRecord } from '@meridian/store'
import { isMeridianError, regionLeaseKey } from '@meridian/topology'
import type { Generation, RangeId, RegionId, Revision } from '@meridian/topology'
import type { GlobalView } from './global-view.ts'
import { unmetered } from './operation-meter.ts'
import type { OperationMeter } from './operation-meter.ts'
import { decodeRegionLease, encodeRegionLease, RegionLease, renewed } from './region-lease.ts'
import type { RegionLeaseRecord } from './region-lease.ts'
import type { Standstill } from './standstill.ts'

/** Times in a row a renewal is tried again because a sibling's came first; each attempt is one commit. */
const SIBLING_ATTEMPTS_MAX = 4

export interface RegionAgentOptions {
  readonly region: RegionId
  readonly store: Store
  readonly view: GlobalView
  readonly clock: Clock
  readonly log: Logger
  /** L_R, ms. Every holder and every taker of the fleet must use the same. */
  readonly leaseMs: number
  readonly renewEveryMs: number
  /** Watches over the clocks that the lease is counted on. */
  readonly guard: ClockProof
  /** Told of each renewal's own commit. */
  readonly meter?: OperationMeter
  /** Lets the region go on while G answers nobody. Default: its leases run out. */
  readonly standstill?: Pick<Standstill, 'remainingMs' | 'renewed' | 'revoked'>
}

/** What a renewal proves of the clocks: nothing, if they jumped after it was sent. */
export interface ClockProof {
  /** Jumps so far. */
  readonly jumps: number
  /** What was sent at `jumps` has been committed; false when the clocks jumped since. */
  cleared(jumps: number): boolean
}

export interface RangeGeneration {
  readonly rangeId: RangeId
  readonly generation: Generation
}

export interface ConfirmedRange extends RangeGeneration {
  /** What is left for this range, ms, from now: longer than the lease where a continuation was bought or promised. */
  readonly remainingMs: number
}

export interface Confirmation {
  /** What is left of the lease, ms, from now; 0 when it has run out. */
  readonly remainingMs: number
  readonly confirmed: readonly ConfirmedRange[]
}

/**
 * Renews the region's lease at G and answers the nodes' "may I still?". None of a region's agents is elected: waiting
 * for an election would cost more than the lease. Losing the region's own etcd does not stop it.
 *
 * The lease is pooled, the authority is not: a node's question names its ranges, and only those are confirmed that G
 * still showed as this region's, at that generation, at or after the revision of the renewal.
 */
export class RegionAgent {
  readonly #options: RegionAgentOptions
  readonly #lease: RegionLease
  #term: bigint | undefined
  /** Mod revision of the stored lease whose term was last looked at in the view. */
  #heeded = 0n as Revision
  #answeredMs: number
  #known: { readonly record: RegionLeaseRecord; readonly modRevision: Revision } | undefined

  constructor(options: RegionAgentOptions) {
    this.#options = options
    this.#lease = new RegionLease(options.leaseMs)
    this.#answeredMs = options.clock.nowMs()
  }

  /** Milliseconds left of the newest acknowledged renewal. */
  remainingMs(): number {
    return this.#lease.remainingMs(this.#options.clock.nowMs())
  }

  /**
   * Since G last answered a renewal, with yes or no, ms. That takes a majority of its voters, where a watch is kept going
   * by one that is left alone.
   */
  globalAgeMs(): number {
    return this.#options.clock.nowMs() - this.#answeredMs
  }

  /** Term and counter as last seen in G. */
  get record(): RegionLeaseRecord | undefined {
    return this.#known?.record
  }

  /** The clocks disagree: whatever was granted was counted on one that is wrong. The next renewal grants anew. */
  clockJumped(): void {
    this.#revoke()
  }

  #revoke(): void {
    this.#lease.revoked()
    this.#options.standstill?.revoked()
  }

  confirm(pairs: readonly RangeGeneration[]): Confirmation {
    const { view, clock, region, standstill } = this.#options
    this.#heed()
    const nowMs = clock.nowMs()
    const remainingMs = this.#lease.remainingAtMs(nowMs, view.revision)
    // Promises speak of what the region owned at its last renewal.
    const promisedMs = this.#lease.isIncluded(view.revision) ? (standstill?.remainingMs() ?? 0) : 0
    const confirmed = pairs.flatMap((pair) => {
      const range = view.range(pair.rangeId)
      if (range?.owner !== region || range.generation !== pair.generation) return []
      // Nobody takes such a range before its budget has run out since a renewal (SPEC G5).
      const budgetMs = range.failover === 'manual' ? range.budgetMs : 0
      const leftMs = Math.max(promisedMs, this.#lease.remainingAtMs(nowMs, view.revision, budgetMs))
      return leftMs > 0 ? [{ ...pair, remainingMs: leftMs }] : []
    })
    return { remainingMs, confirmed }
  }

  /** The view may know of a new term before the next renewal meets it: the sooner it is heeded, the quieter. */
  #heed(): void {
    const { view, region } = this.#options
    const stored = view.record(regionLeaseKey(region))
    if (stored === undefined || stored.modRevision <= this.#heeded) return
    this.#heeded = stored.modRevision
    const { term } = decodeRegionLease(stored.value)
    if (this.#term === undefined || term <= this.#term) return
    this.#adopt(stored)
  }

  /** Renews until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, renewEveryMs } = this.#options
    while (!signal.aborted) {
      const startedMs = clock.nowMs()
      try {
        await this.renew(signal)
      } catch (error) {
        if (signal.aborted) return
        log.warn({ err: error, remainingMs: Math.round(this.remainingMs()) }, 'region lease not renewed')
      }
      const restMs = Math.max(renewEveryMs / 10, renewEveryMs - (clock.nowMs() - startedMs))
      await clock.sleep(restMs, signal).catch(() => {})
    }
  }

  /** One renewal, committed or given up. @throws MeridianError UNAVAILABLE, OUTCOME_UNKNOWN, NO_REGION_LEASE when barred */
  async renew(signal: AbortSignal): Promise<void> {
    const { store, clock, region, guard, standstill, meter = unmetered } = this.#options
    const key = regionLeaseKey(region)
    if (this.#known === undefined) {
      this.#adopt(await store.get(key, { signal }))
      this.#answeredMs = clock.nowMs()
    }
    for (let attempt = 0; attempt < SIBLING_ATTEMPTS_MAX; attempt += 1) {
      const next = this.#next()
      const sentMs = clock.nowMs()
      const { jumps } = guard
      try {
        const outcome = await store.txn(
          {
            guards: [{ kind: 'mod-revision', key, equals: this.#known?.modRevision ?? (0n as Revision) }],
            operations: [{ kind: 'put', key, value: encodeRegionLease(next) }],
            onRefusalRead: [key],
          },
          signal,
        )
        this.#answeredMs = clock.nowMs()
        if (outcome.committed) {
          this.#known = { record: next, modRevision: outcome.revision }
          this.#term = next.term
          if (guard.cleared(jumps)) {
            this.#lease.renewed({ sentMs, revision: outcome.revision })
            standstill?.renewed(sentMs + this.#options.leaseMs)
          }
          meter('renew-region-lease', clock.nowMs() - sentMs)
          return
        }
        this.#adopt(outcome.records[0])
      } catch (error) {
        // Committed or not, the record is no longer surely what we know: read it before the next renewal. An
        // unanswered renewal extends nothing.
        if (isMeridianError(error)) this.#known = undefined
        throw error
      }
    }
  }

  #next(): RegionLeaseRecord {
    try {
      return renewed(this.#known?.record)
    } catch (error) {
      // The bar may be lifted at any time: look again before the next renewal.
      this.#known = undefined
      throw error
    }
  }

  #adopt(stored: StoreRecord | undefined): void {
    const record = stored === undefined ? undefined : decodeRegionLease(stored.value)
    if (record !== undefined) {
      // Remembered apart from the record, which is forgotten whenever a renewal goes unanswered.
      if (this.#term !== undefined && record.term !== this.#term) {
        const { term, status, bar } = record
        this.#options.log.warn({ term, before: this.#term, status, bar }, 'the authority of this region was taken')
        this.#revoke()
      }
      this.#term = record.term
    }
    this.#known = stored === undefined || record === undefined ? undefined : { record, modRevision: stored.modRevision }
  }
}
