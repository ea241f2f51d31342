import type { Mirror, MirrorEvent } from '@meridian/store/mirror'
import type { StoreRecord } from '@meridian/store'
import { DRAIN_PREFIX, GlobalMap, JOURNAL_PREFIX, MEMBER_PREFIX, RANGE_PREFIX } from '@meridian/topology'
import type {
  OperationId,
  RangeDescriptor,
  RangeId,
  RangeMap,
  RegionId,
  RegionRecord,
  Revision,
} from '@meridian/topology'
import { BUDGET_HOLD_PREFIX, decodeBudgetHold } from './budget-hold.ts'
import type { BudgetHold } from './budget-hold.ts'
import { decodeJournal } from './journal.ts'
import type { JournalEntry } from './journal.ts'

/** Prefixes a mirror of G must follow for this view and for region leases. */
export const GLOBAL_MIRROR_PREFIXES = [
  RANGE_PREFIX,
  MEMBER_PREFIX,
  '/region/',
  '/next-range-id',
  JOURNAL_PREFIX,
  DRAIN_PREFIX,
  BUDGET_HOLD_PREFIX,
] as const

/**
 * The global tier as this server has applied it: the range map and the region registry, decoded once per change.
 * As old as its mirror; whoever decides on it guards the decision with the mod revisions in `record`.
 */
export class GlobalView implements Disposable {
  readonly #mirror: Mirror
  readonly #unsubscribe: () => void
  readonly #listeners = new Set<() => void>()
  readonly #map = new GlobalMap()
  readonly #journal = new Map<OperationId, JournalEntry>()
  readonly #drained = new Set<RegionId>()
  readonly #holds = new Map<OperationId, BudgetHold>()

  constructor(mirror: Mirror) {
    this.#mirror = mirror
    this.#apply([...mirror.list('/')])
    this.#unsubscribe = mirror.subscribe((event: MirrorEvent) => {
      if (event.changes.length === 0) return
      this.#apply(event.changes)
      for (const listener of this.#listeners) listener()
    })
  }

  get revision(): Revision {
    return this.#mirror.revision
  }

  get ranges(): RangeMap {
    return this.#map.ranges
  }

  get regions(): ReadonlyMap<RegionId, RegionRecord> {
    return this.#map.regions
  }

  /** Transfers and takeovers in flight and lately ended. */
  get journal(): ReadonlyMap<OperationId, JournalEntry> {
    return this.#journal
  }

  /** Regions to which nobody is to hand ownership. */
  get drained(): ReadonlySet<RegionId> {
    return this.#drained
  }

  /** Continuations that were lowered, by the operation that did it. */
  get budgetHolds(): ReadonlyMap<OperationId, BudgetHold> {
    return this.#holds
  }

  get mirror(): Mirror {
    return this.#mirror
  }

  range(id: RangeId): RangeDescriptor | undefined {
    return this.#map.ranges.byId(id)
  }

  /** The stored record behind a key, for its mod revision. */
  record(key: string): StoreRecord | undefined {
    return this.#mirror.get(key)
  }

  /** Called after each change of anything that the mirror follows; must not throw. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  #apply(changes: readonly { readonly key: string; readonly value: Uint8Array | undefined }[]): void {
    this.#map.apply(changes)
    for (const { key, value } of changes) {
      if (key.startsWith(JOURNAL_PREFIX)) {
        const operation = key.slice(JOURNAL_PREFIX.length) as OperationId
        if (value === undefined) this.#journal.delete(operation)
        else this.#journal.set(operation, decodeJournal(value))
      } else if (key.startsWith(DRAIN_PREFIX)) {
        const region = key.slice(DRAIN_PREFIX.length) as RegionId
        if (value === undefined) this.#drained.delete(region)
        else this.#drained.add(region)
      } else if (key.startsWith(BUDGET_HOLD_PREFIX)) {
        const operation = key.slice(BUDGET_HOLD_PREFIX.length) as OperationId
        if (value === undefined) this.#holds.delete(operation)
        else this.#holds.set(operation, decodeBudgetHold(value))
      }
    }
  }
}
