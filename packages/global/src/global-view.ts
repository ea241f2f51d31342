import type { Mirror, MirrorEvent } from '@meridian/store/mirror'
import type { StoreRecord } from '@meridian/store'
import { GlobalMap, MEMBER_PREFIX, RANGE_PREFIX } from '@meridian/topology'
import type { RangeDescriptor, RangeId, RangeMap, RegionId, RegionRecord, Revision } from '@meridian/topology'

/** Prefixes a mirror of G must follow for this view and for region leases. */
export const GLOBAL_MIRROR_PREFIXES = [RANGE_PREFIX, MEMBER_PREFIX, '/region/', '/next-range-id'] as const

/**
 * The global tier as this server has applied it: the range map and the region registry, decoded once per change.
 * As old as its mirror; whoever decides on it guards the decision with the mod revisions in `record`.
 */
export class GlobalView implements Disposable {
  readonly #mirror: Mirror
  readonly #unsubscribe: () => void
  readonly #listeners = new Set<() => void>()
  readonly #map = new GlobalMap()

  constructor(mirror: Mirror) {
    this.#mirror = mirror
    this.#map.apply(mirror.list('/'))
    this.#unsubscribe = mirror.subscribe((event: MirrorEvent) => {
      if (event.changes.length === 0) return
      this.#map.apply(event.changes)
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

  /** Called after each change of ranges or regions; must not throw. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }
}
