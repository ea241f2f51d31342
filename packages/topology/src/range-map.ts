import type { KeyspaceName, RangeId } from './ids.ts'
import { EMPTY_KEY, formatKey, formatKeyRange, rangeContains, rangeIsEmpty } from './key.ts'
import type { Key } from './key.ts'
import type { RangeDescriptor } from './range-descriptor.ts'

/**
 * All ranges of all keyspaces at one revision, as an immutable value: `apply` gives a new map that shares every
 * untouched keyspace with the old one.
 *
 * A map holds what it was given. That the ranges of a keyspace are a partition of the key space (SPEC T1) is kept by
 * the decisions that make the changes; `violation` says whether it holds.
 */
export class RangeMap {
  static readonly empty: RangeMap = new RangeMap(new Map())

  readonly #keyspaces: ReadonlyMap<KeyspaceName, KeyspaceRanges>

  private constructor(keyspaces: ReadonlyMap<KeyspaceName, KeyspaceRanges>) {
    this.#keyspaces = keyspaces
  }

  /**
   * The map after `removes` and then `puts`. A record lives at its keyspace and start: a put replaces what stands
   * there, a remove of what does not stand there changes nothing. Of two puts at one place the later one counts.
   */
  apply(puts: readonly RangeDescriptor[], removes: readonly RangePlace[] = []): RangeMap {
    if (puts.length === 0 && removes.length === 0) return this
    const changes = new Map<KeyspaceName, Map<Key, RangeDescriptor | undefined>>()
    const changesOf = (keyspace: KeyspaceName): Map<Key, RangeDescriptor | undefined> => {
      const known = changes.get(keyspace)
      if (known !== undefined) return known
      const fresh = new Map<Key, RangeDescriptor | undefined>()
      changes.set(keyspace, fresh)
      return fresh
    }
    for (const { keyspace, start } of removes) changesOf(keyspace).set(start, undefined)
    for (const range of puts) changesOf(range.keyspace).set(range.start, range)

    const keyspaces = new Map(this.#keyspaces)
    for (const [keyspace, changed] of changes) {
      const ranges = merge(keyspaces.get(keyspace)?.sorted ?? [], changed)
      if (ranges.length === 0) keyspaces.delete(keyspace)
      else keyspaces.set(keyspace, new KeyspaceRanges(ranges))
    }
    return new RangeMap(keyspaces)
  }

  /** The range that holds `key`. */
  find(keyspace: KeyspaceName, key: Key): RangeDescriptor | undefined {
    const range = this.#keyspaces.get(keyspace)?.atOrBelow(key)
    return range !== undefined && rangeContains(range, key) ? range : undefined
  }

  /** The range that starts at `start`. */
  get(keyspace: KeyspaceName, start: Key): RangeDescriptor | undefined {
    const range = this.#keyspaces.get(keyspace)?.atOrBelow(start)
    return range?.start === start ? range : undefined
  }

  byId(id: RangeId): RangeDescriptor | undefined {
    for (const ranges of this.#keyspaces.values()) {
      const range = ranges.byId.get(id)
      if (range !== undefined) return range
    }
    return undefined
  }

  /** In key order; without a keyspace, all of them in order of keyspace and key. */
  list(keyspace?: KeyspaceName): readonly RangeDescriptor[] {
    if (keyspace !== undefined) return this.#keyspaces.get(keyspace)?.sorted ?? []
    return this.keyspaces().flatMap((each) => this.list(each))
  }

  keyspaces(): readonly KeyspaceName[] {
    return [...this.#keyspaces.keys()].toSorted()
  }

  get size(): number {
    let size = 0
    for (const ranges of this.#keyspaces.values()) size += ranges.sorted.length
    return size
  }

  /** Where the ranges are no partition of the key space (SPEC T1), in words; undefined when they are. */
  violation(): string | undefined {
    const ids = new Map<RangeId, RangeDescriptor>()
    for (const keyspace of this.keyspaces()) {
      const complaint = partitionComplaint(this.list(keyspace))
      if (complaint !== undefined) return `keyspace ${keyspace}: ${complaint}`
      for (const range of this.list(keyspace)) {
        const other = ids.get(range.rangeId)
        if (other !== undefined) {
          return `${named(other)} of keyspace ${other.keyspace} and ${named(range)} of keyspace ${keyspace} share an id`
        }
        ids.set(range.rangeId, range)
      }
    }
    return undefined
  }
}

/** Where a range record lives. */
export type RangePlace = Pick<RangeDescriptor, 'keyspace' | 'start'>

class KeyspaceRanges {
  readonly sorted: readonly RangeDescriptor[]
  #byId: ReadonlyMap<RangeId, RangeDescriptor> | undefined

  constructor(sorted: readonly RangeDescriptor[]) {
    this.sorted = sorted
  }

  /** Built on the first question only: a follower of the feed makes many maps and asks few of them. */
  get byId(): ReadonlyMap<RangeId, RangeDescriptor> {
    this.#byId ??= new Map(this.sorted.map((range) => [range.rangeId, range]))
    return this.#byId
  }

  /** The last range that starts at or below `key`. */
  atOrBelow(key: Key): RangeDescriptor | undefined {
    let low = -1
    let high = this.sorted.length - 1
    while (low < high) {
      const middle = (low + high + 1) >>> 1
      const range = this.sorted[middle]
      if (range !== undefined && range.start <= key) low = middle
      else high = middle - 1
    }
    return this.sorted[low]
  }
}

function byStart(a: { readonly start: Key }, b: { readonly start: Key }): number {
  return a.start === b.start ? 0 : a.start < b.start ? -1 : 1
}

function merge(
  old: readonly RangeDescriptor[],
  changed: ReadonlyMap<Key, RangeDescriptor | undefined>,
): readonly RangeDescriptor[] {
  const added = [...changed.values()].filter((range) => range !== undefined).toSorted(byStart)
  const result: RangeDescriptor[] = []
  let next = 0
  for (const range of old) {
    for (let put = added[next]; put !== undefined && put.start <= range.start; put = added[++next]) result.push(put)
    if (!changed.has(range.start)) result.push(range)
  }
  result.push(...added.slice(next))
  return result
}

function named(range: RangeDescriptor): string {
  return `range ${range.rangeId} ${formatKeyRange(range)}`
}

function partitionComplaint(sorted: readonly RangeDescriptor[]): string | undefined {
  let previous: RangeDescriptor | undefined
  for (const range of sorted) {
    if (rangeIsEmpty(range)) return `${named(range)} is empty`
    if (previous === undefined && range.start !== EMPTY_KEY) {
      return `gap [, ${formatKey(range.start)}) before ${named(range)}`
    }
    if (previous !== undefined && previous.end !== range.start) {
      return previous.end === EMPTY_KEY || previous.end > range.start
        ? `${named(previous)} and ${named(range)} overlap`
        : `gap [${formatKey(previous.end)}, ${formatKey(range.start)}) between ${named(previous)} and ${named(range)}`
    }
    previous = range
  }
  if (previous !== undefined && previous.end !== EMPTY_KEY) {
    return `gap [${formatKey(previous.end)}, ∞) after ${named(previous)}`
  }
  return undefined
}
