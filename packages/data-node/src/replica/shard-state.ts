import { EMPTY_KEY } from '@meridian/topology'
import type { ErrorCode, Key, Token } from '@meridian/topology'
import type { LogEntry, WriteItem } from './log-entry.ts'
import { SessionTable } from './session-table.ts'
import type { SessionRecord } from './session-table.ts'

export interface StoredValue {
  readonly value: Uint8Array
  /** Index of the entry that stored it. */
  readonly index: number
}

export interface ItemOutcome {
  readonly sequence: bigint
  /** Where it was applied; 0 when it was not. */
  readonly index: number
  /** An earlier attempt had been applied already, at `index`. */
  readonly duplicate: boolean
  readonly refusal: ErrorCode | undefined
}

/** The state at `appliedIndex`, or what changed of it since the checkpoint before. */
export interface Checkpoint {
  readonly appliedIndex: number
  /** Undefined: the key is gone. */
  readonly values: readonly (readonly [Key, StoredValue | undefined])[]
  readonly sessions: readonly SessionRecord[]
}

/** Some of a state's values and sessions. */
export interface StatePiece {
  readonly values: readonly (readonly [Key, StoredValue])[]
  readonly sessions: readonly SessionRecord[]
}

export interface ScanSlice {
  readonly rows: readonly (readonly [Key, StoredValue])[]
  readonly count: number
  /** First key not looked at; undefined when the interval is done. */
  readonly next: Key | undefined
}

/**
 * What the committed log amounts to: keys, values and the sessions' windows. Deterministic: replicas that applied the
 * same entries hold the same, which is what makes the table of duplicates survive a change of leader.
 *
 * All of it lives in memory; a shard larger than that needs another node.
 */
export class ShardState {
  #appliedIndex: number
  readonly #values: Map<Key, StoredValue>
  readonly #sessions: SessionTable
  #dirtyKeys = new Set<Key>()
  /** Keys in order, except those in `#unsorted` and still with those deleted since. */
  #sorted: Key[] = []
  #unsorted = new Set<Key>()

  constructor(bounds: { readonly sessionSequencesMax: number; readonly sessionWindowsMax: number }, full?: Checkpoint) {
    this.#appliedIndex = full?.appliedIndex ?? 0
    this.#values = new Map()
    for (const [key, stored] of full?.values ?? []) if (stored !== undefined) this.#values.set(key, stored)
    this.#unsorted = new Set(this.#values.keys())
    this.#sessions = new SessionTable(bounds, full?.sessions)
  }

  get appliedIndex(): number {
    return this.#appliedIndex
  }

  get size(): number {
    return this.#values.size
  }

  get(key: Key): StoredValue | undefined {
    return this.#values.get(key)
  }

  /** Of a write not yet in the log: applied before, refused for good, or undefined when it is to be appended. */
  decided(session: string, sequence: bigint): ItemOutcome | undefined {
    const status = this.#sessions.status(session, sequence)
    switch (status.kind) {
      case 'applied':
        return { sequence, index: status.index, duplicate: true, refusal: undefined }
      case 'expired':
        return { sequence, index: 0, duplicate: false, refusal: 'SESSION_EXPIRED' }
      case 'fresh':
        return undefined
    }
  }

  /** Applies the next committed entry; one outcome per item of a write, none for barriers and marks. */
  apply(entry: LogEntry): ItemOutcome[] {
    if (entry.index !== this.#appliedIndex + 1)
      throw new Error(`entry ${entry.index} applied after ${this.#appliedIndex}`)
    this.#appliedIndex = entry.index
    if (entry.session === '') return []
    const outcomes: ItemOutcome[] = []
    for (const item of entry.items) {
      const decided = this.decided(entry.session, item.sequence)
      if (decided !== undefined) {
        outcomes.push(decided)
        continue
      }
      this.#sessions.add(entry.session, item.sequence, entry.index)
      this.#store(item.key, item.value, entry.index)
      outcomes.push({ sequence: item.sequence, index: entry.index, duplicate: false, refusal: undefined })
    }
    return outcomes
  }

  #store(key: Key, value: Uint8Array | undefined, index: number): void {
    this.#dirtyKeys.add(key)
    if (value === undefined) {
      // Its place in `#sorted` stays until the next scan sorts again, and scans skip keys without a value.
      this.#values.delete(key)
      return
    }
    if (!this.#values.has(key)) this.#unsorted.add(key)
    this.#values.set(key, { value, index })
  }

  /** Rows of [start, end) in key order; an empty end is unbounded. */
  scan(
    start: Key,
    end: Key,
    bounds: { readonly rowsMax: number; readonly bytesMax: number; readonly countOnly: boolean },
  ): ScanSlice {
    this.#sort()
    const rows: [Key, StoredValue][] = []
    let count = 0
    let bytes = 0
    for (let at = lowerBound(this.#sorted, start); at < this.#sorted.length; at++) {
      const key = this.#sorted[at]
      if (key === undefined || (end !== '' && key >= end)) break
      const stored = this.#values.get(key)
      if (stored === undefined) continue
      if (!bounds.countOnly) {
        bytes += key.length + stored.value.length
        if (count >= bounds.rowsMax || (count > 0 && bytes > bounds.bytesMax)) return { rows, count, next: key }
        rows.push([key, stored])
      }
      count += 1
    }
    return { rows, count, next: undefined }
  }

  takeDirty(): Checkpoint {
    const values: [Key, StoredValue | undefined][] = []
    for (const key of this.#dirtyKeys) values.push([key, this.#values.get(key)])
    this.#dirtyKeys = new Set()
    return { appliedIndex: this.#appliedIndex, values, sessions: this.#sessions.takeDirty() }
  }

  /**
   * What is left in the state of the entries above `above` up to `through`, when the entries themselves are gone: the
   * sequences applied there, as far as windows reach, and the values stored there that were not replaced since. Which
   * value belongs to which sequence is known only where there is one of each; else sequences stand with an empty key,
   * and values under the entry's last sequence.
   */
  remains(above: number, through: number, tokenAt: (index: number) => Token): LogEntry[] {
    const within = (index: number): boolean => index > above && index <= through
    const stored = new Map<number, [Key, StoredValue][]>()
    for (const row of this.#values) {
      const { index } = row[1]
      if (within(index)) stored.set(index, [...(stored.get(index) ?? []), row])
    }
    const entries: LogEntry[] = []
    for (const { session, runs } of this.#sessions.all()) {
      for (const { first, last, index } of runs) {
        if (!within(index)) continue
        const values = stored.get(index) ?? []
        const items: WriteItem[] = values.map(([key, { value }]) => ({ sequence: last, key, value }))
        if (first !== last || values.length !== 1) {
          for (let sequence = first; sequence <= last; sequence++)
            items.push({ sequence, key: EMPTY_KEY, value: undefined })
        }
        entries.push({ index, token: tokenAt(index), session, items })
      }
    }
    return entries.sort((a, b) => a.index - b.index)
  }

  /** Everything as it is now. Costs a pass over all keys; the values themselves are not copied. */
  full(): StatePiece & { readonly appliedIndex: number } {
    this.#sort()
    const values: [Key, StoredValue][] = []
    for (const key of this.#sorted) {
      const stored = this.#values.get(key)
      if (stored !== undefined) values.push([key, stored])
    }
    return { appliedIndex: this.#appliedIndex, values, sessions: this.#sessions.all() }
  }

  #sort(): void {
    if (this.#unsorted.size === 0) return
    const fresh = [...this.#unsorted].sort(compareKeys)
    this.#unsorted = new Set()
    const merged: Key[] = []
    let at = 0
    for (const key of this.#sorted) {
      for (let next = fresh[at]; next !== undefined && next <= key; next = fresh[++at]) merged.push(next)
      // A key deleted and stored again is in both lists.
      if (this.#values.has(key) && merged.at(-1) !== key) merged.push(key)
    }
    for (let next = fresh[at]; next !== undefined; next = fresh[++at]) merged.push(next)
    this.#sorted = merged.filter((key) => this.#values.has(key))
  }
}

function compareKeys(a: Key, b: Key): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function lowerBound(keys: readonly Key[], start: Key): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const key = keys[middle]
    if (key !== undefined && key < start) low = middle + 1
    else high = middle
  }
  return low
}
