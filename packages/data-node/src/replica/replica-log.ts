import { compareTokens, formatToken, tokensEqual, ZERO_TOKEN } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import { entryBytes } from './log-entry.ts'
import type { LogEntry, LogPosition } from './log-entry.ts'

export const LOG_START: LogPosition = { index: 0, token: ZERO_TOKEN }

/** The log of one shard in memory, from just above its trimmed part to its end. */
export class ReplicaLog {
  /** The last entry that was trimmed away, or the start. */
  #base: LogPosition
  #entries: LogEntry[]
  #bytes = 0

  constructor(base: LogPosition = LOG_START, entries: readonly LogEntry[] = []) {
    this.#base = base
    this.#entries = []
    for (const entry of entries) this.append(entry)
  }

  get base(): LogPosition {
    return this.#base
  }

  get last(): LogPosition {
    return this.#entries.at(-1) ?? this.#base
  }

  get lastIndex(): number {
    return this.#base.index + this.#entries.length
  }

  get length(): number {
    return this.#entries.length
  }

  get bytes(): number {
    return this.#bytes
  }

  entryAt(index: number): LogEntry | undefined {
    return this.#entries[index - this.#base.index - 1]
  }

  /** Undefined above the end and below the base. */
  tokenAt(index: number): Token | undefined {
    return index === this.#base.index ? this.#base.token : this.entryAt(index)?.token
  }

  /** Two logs that hold an entry of the same index and token are equal up to it (argued in SPEC.md). */
  matches(position: LogPosition): boolean {
    const token = this.tokenAt(position.index)
    return token !== undefined && tokensEqual(token, position.token)
  }

  append(entry: LogEntry): void {
    const last = this.last
    if (entry.index !== last.index + 1) throw new Error(`log would go from ${last.index} to ${entry.index}`)
    if (compareTokens(entry.token, last.token) < 0) {
      throw new Error(
        `I15: entry ${entry.index} has token ${formatToken(entry.token)} after ${formatToken(last.token)}`,
      )
    }
    this.#entries.push(entry)
    this.#bytes += entryBytes(entry)
  }

  truncateFrom(index: number): void {
    if (index <= this.#base.index)
      throw new Error(`truncation from ${index} reaches the trimmed part up to ${this.#base.index}`)
    for (const entry of this.#entries.splice(index - this.#base.index - 1)) this.#bytes -= entryBytes(entry)
  }

  trimThrough(index: number): void {
    if (index <= this.#base.index) return
    const token = this.tokenAt(index)
    if (token === undefined) throw new Error(`trim through ${index} is beyond the end ${this.lastIndex}`)
    for (const entry of this.#entries.splice(0, index - this.#base.index)) this.#bytes -= entryBytes(entry)
    this.#base = { index, token }
  }

  /** Entries from `from` on within the bounds, at least one if there is one. `from` must lie above the base. */
  slice(from: number, bounds: { readonly bytesMax: number; readonly entriesMax: number }): LogEntry[] {
    const entries: LogEntry[] = []
    let bytes = 0
    for (let index = from; index <= this.lastIndex && entries.length < bounds.entriesMax; index++) {
      const entry = this.entryAt(index)
      if (entry === undefined) throw new Error(`entry ${index} has been trimmed`)
      bytes += entryBytes(entry)
      if (entries.length > 0 && bytes > bounds.bytesMax) break
      entries.push(entry)
    }
    return entries
  }
}
