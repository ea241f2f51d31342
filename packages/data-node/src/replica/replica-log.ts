import { compareTokens, formatToken, tokensEqual } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import { LINEAGE_RUNS_MAX, LOG_START, runTokenAt } from './lineage.ts'
import type { LogBase, TokenRun } from './lineage.ts'
import { entryBytes } from './log-entry.ts'
import type { LogEntry, LogPosition } from './log-entry.ts'

/** The log of one shard in memory, from just above its trimmed part to its end, and who wrote all of it. */
export class ReplicaLog {
  /** The last entry that was trimmed away, or the start. */
  #base: LogPosition
  /** Of the trimmed part too. */
  #runs: TokenRun[]
  #entries: LogEntry[] = []
  #bytes = 0

  constructor(base: LogBase = LOG_START, entries: readonly LogEntry[] = []) {
    this.#base = { index: base.index, token: base.token }
    this.#runs = [...base.lineage]
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

  get runs(): readonly TokenRun[] {
    return this.#runs
  }

  /** `index` as the base of a log that is trimmed, or installed, up to there. */
  baseAt(index: number): LogBase {
    const token = this.tokenAt(index)
    if (token === undefined) throw new Error(`no entry ${index} to begin a log after`)
    return { index, token, lineage: this.#runs.filter((run) => run.first <= index) }
  }

  /** The runs of which something lies above `index`. */
  runsAbove(index: number): TokenRun[] {
    return this.#runs.filter((_, at) => (this.#runs[at + 1]?.first ?? this.lastIndex + 1) - 1 > index)
  }

  entryAt(index: number): LogEntry | undefined {
    return this.#entries[index - this.#base.index - 1]
  }

  /** Undefined above the end, and below the oldest run remembered. */
  tokenAt(index: number): Token | undefined {
    if (index > this.lastIndex) return undefined
    return this.entryAt(index)?.token ?? (index === this.#base.index ? this.#base.token : runTokenAt(this.#runs, index))
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
    const run = this.#runs.at(-1)
    if (run === undefined || !tokensEqual(run.token, entry.token)) {
      this.#runs.push({ token: entry.token, first: entry.index })
      if (this.#runs.length > LINEAGE_RUNS_MAX) this.#runs.shift()
    }
    this.#entries.push(entry)
    this.#bytes += entryBytes(entry)
  }

  truncateFrom(index: number): void {
    if (index <= this.#base.index)
      throw new Error(`truncation from ${index} reaches the trimmed part up to ${this.#base.index}`)
    for (const entry of this.#entries.splice(index - this.#base.index - 1)) this.#bytes -= entryBytes(entry)
    this.#runs = this.#runs.filter((run) => run.first < index)
  }

  trimThrough(index: number): void {
    if (index <= this.#base.index) return
    const token = this.tokenAt(index)
    if (token === undefined) throw new Error(`trim through ${index} is beyond the end ${this.lastIndex}`)
    for (const entry of this.#entries.splice(0, index - this.#base.index)) this.#bytes -= entryBytes(entry)
    this.#base = { index, token }
  }

  /** The entries above `index`; those that were trimmed are not among them. */
  above(index: number): LogEntry[] {
    return this.#entries.slice(Math.max(0, index - this.#base.index))
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
