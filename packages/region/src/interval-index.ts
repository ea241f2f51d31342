import { EMPTY_KEY } from '@meridian/topology'
import type { Key, KeyRange, KeyspaceName } from '@meridian/topology'

export interface Interval extends KeyRange {
  readonly keyspace: KeyspaceName
}

interface Lane<T> {
  /** By start. */
  readonly items: readonly T[]
  /** The furthest end among the items up to each place; EMPTY_KEY: unbounded. */
  readonly reach: readonly Key[]
}

/** Intervals of keys, which may overlap, by keyspace: whom an interval meets, without looking at everybody. */
export class IntervalIndex<T extends Interval> {
  readonly #lanes = new Map<KeyspaceName, Lane<T>>()

  constructor(items: Iterable<T>) {
    const byKeyspace = new Map<KeyspaceName, T[]>()
    for (const item of items) {
      const known = byKeyspace.get(item.keyspace)
      if (known === undefined) byKeyspace.set(item.keyspace, [item])
      else known.push(item)
    }
    for (const [keyspace, unsorted] of byKeyspace) {
      const sorted = unsorted.toSorted((a, b) => (a.start === b.start ? 0 : a.start < b.start ? -1 : 1))
      const reach: Key[] = []
      for (const { end } of sorted) {
        const furthest = reach.at(-1)
        reach.push(furthest === undefined || endsBefore(furthest, end) ? end : furthest)
      }
      this.#lanes.set(keyspace, { items: sorted, reach })
    }
  }

  /** In order of their starts. */
  overlapping({ keyspace, start, end }: Interval): T[] {
    const lane = this.#lanes.get(keyspace)
    if (lane === undefined) return []
    const found: T[] = []
    for (let place = lastBelow(lane.items, end); place >= 0; place -= 1) {
      const furthest = lane.reach[place]
      if (furthest === undefined || (furthest !== EMPTY_KEY && furthest <= start)) break
      const item = lane.items[place]
      if (item !== undefined && (item.end === EMPTY_KEY || item.end > start)) found.push(item)
    }
    return found.toReversed()
  }

  /** Everything, in groups that no interval of another group meets. */
  *clusters(): Generator<readonly T[]> {
    for (const { items, reach } of this.#lanes.values()) {
      let cluster: T[] = []
      for (const [place, item] of items.entries()) {
        const furthest = reach[place - 1]
        if (furthest !== undefined && furthest !== EMPTY_KEY && furthest <= item.start) {
          yield cluster
          cluster = []
        }
        cluster.push(item)
      }
      if (cluster.length > 0) yield cluster
    }
  }
}

function endsBefore(a: Key, b: Key): boolean {
  return a !== EMPTY_KEY && (b === EMPTY_KEY || a < b)
}

/** The last item that starts before `end`; -1 if none does. */
function lastBelow(items: readonly Interval[], end: Key): number {
  let low = -1
  let high = items.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    const item = items[middle]
    if (item !== undefined && (end === EMPTY_KEY || item.start < end)) low = middle
    else high = middle - 1
  }
  return low
}
