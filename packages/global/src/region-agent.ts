import type { Clock, Logger } from '@meridian/loop'
import type { Store, StoreRecord } from '@meridian/store'
import { isMeridianError, regionLeaseKey } from '@meridian/topology'
import type { Generation, RangeId, RegionId, Revision } from '@meridian/topology'
import type { GlobalView } from './global-view.ts'
import { unmetered } from './operation-meter.ts'
import type { OperationMeter } from './operation-meter.ts'
import { decodeRegionLease, encodeRegionLease, RegionLease } from './region-lease.ts'
import type { RegionLeaseRecord } from './region-lease.ts'

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

export interface Confirmation {
  /** What is left, ms, from now; 0 when the region may not vouch for anything. */
  readonly remainingMs: number
  readonly confirmed: readonly RangeGeneration[]
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
  #known: { readonly record: RegionLeaseRecord; readonly modRevision: Revision } | undefined

  constructor(options: RegionAgentOptions) {
    this.#options = options
    this.#lease = new RegionLease(options.leaseMs)
  }

  /** Milliseconds left of the newest acknowledged renewal. */
  remainingMs(): number {
    return this.#lease.remainingMs(this.#options.clock.nowMs())
  }

  /** Term and counter as last seen in G. */
  get record(): RegionLeaseRecord | undefined {
    return this.#known?.record
  }

  /** The clocks disagree: whatever was granted was counted on one that is wrong. The next renewal grants anew. */
  clockJumped(): void {
    this.#lease.revoked()
  }

  confirm(pairs: readonly RangeGeneration[]): Confirmation {
    const { view, clock, region } = this.#options
    const remainingMs = this.#lease.remainingAtMs(clock.nowMs(), view.revision)
    if (remainingMs <= 0) return { remainingMs: 0, confirmed: [] }
    const confirmed = pairs.filter((pair) => {
      const range = view.range(pair.rangeId)
      return range !== undefined && range.owner === region && range.generation === pair.generation
    })
    return { remainingMs, confirmed }
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

  /** One renewal, committed or given up. @throws MeridianError UNAVAILABLE, OUTCOME_UNKNOWN */
  async renew(signal: AbortSignal): Promise<void> {
    const { store, clock, region, guard, meter = unmetered } = this.#options
    const key = regionLeaseKey(region)
    if (this.#known === undefined) this.#adopt(await store.get(key, { signal }))
    for (let attempt = 0; attempt < SIBLING_ATTEMPTS_MAX; attempt += 1) {
      const next: RegionLeaseRecord = {
        term: this.#known?.record.term ?? 1n,
        counter: (this.#known?.record.counter ?? 0n) + 1n,
      }
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
        if (outcome.committed) {
          this.#known = { record: next, modRevision: outcome.revision }
          this.#term = next.term
          if (guard.cleared(jumps)) this.#lease.renewed({ sentMs, revision: outcome.revision })
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

  #adopt(stored: StoreRecord | undefined): void {
    const record = stored === undefined ? undefined : decodeRegionLease(stored.value)
    if (record !== undefined) {
      // Remembered apart from the record, which is forgotten whenever a renewal goes unanswered.
      if (this.#term !== undefined && record.term !== this.#term) {
        this.#options.log.warn({ term: record.term, before: this.#term }, 'region lease has a new term')
        this.#lease.revoked()
      }
      this.#term = record.term
    }
    this.#known = stored === undefined || record === undefined ? undefined : { record, modRevision: stored.modRevision }
  }
}
