import type { Mirror, MirrorEvent } from '@meridian/store/mirror'
import type { StoreRecord } from '@meridian/store'
import { decodeRange, decodeRegion, MEMBER_PREFIX, RANGE_PREFIX, RangeMap } from '@meridian/topology'
import type { RangeDescriptor, RangeId, RegionId, RegionRecord, Revision } from '@meridian/topology'

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
  #ranges: RangeMap
  readonly #regions = new Map<RegionId, RegionRecord>()
  /** Where each range key's descriptor starts, because a deletion names only the key. */
  readonly #byKey = new Map<string, RangeDescriptor>()

  constructor(mirror: Mirror) {
    this.#mirror = mirror
    this.#ranges = RangeMap.empty
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
    return this.#ranges
  }

  get regions(): ReadonlyMap<RegionId, RegionRecord> {
    return this.#regions
  }

  get mirror(): Mirror {
    return this.#mirror
  }

  range(id: RangeId): RangeDescriptor | undefined {
    return this.#ranges.byId(id)
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

  #apply(changes: Iterable<{ readonly key: string; readonly value: Uint8Array | undefined }>): void {
    const puts: RangeDescriptor[] = []
    const removes: RangeDescriptor[] = []
    for (const { key, value } of changes) {
      if (key.startsWith(RANGE_PREFIX)) {
        const known = this.#byKey.get(key)
        if (value === undefined) {
          if (known !== undefined) removes.push(known)
          this.#byKey.delete(key)
        } else {
          const range = decodeRange(value)
          this.#byKey.set(key, range)
          puts.push(range)
        }
      } else if (key.startsWith(MEMBER_PREFIX)) {
        const region = key.slice(MEMBER_PREFIX.length) as RegionId
        if (value === undefined) this.#regions.delete(region)
        else this.#regions.set(region, decodeRegion(value))
      }
    }
    if (puts.length > 0 || removes.length > 0) this.#ranges = this.#ranges.apply(puts, removes)
  }
}
