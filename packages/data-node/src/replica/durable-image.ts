import { compareTokens, formatToken } from '@meridian/topology'
import type { Key } from '@meridian/topology'
import type { LogBase } from './lineage.ts'
import type { LogEntry } from './log-entry.ts'
import type { Quarantined } from './quarantine.ts'
import { EMPTY_SHARD } from './replica-state.ts'
import type { DurableShard, ShardWrite } from './replica-state.ts'
import type { SessionRecord } from './session-table.ts'
import type { Checkpoint, StatePiece, StoredValue } from './shard-state.ts'

/**
 * What a disk holds of one shard, as a value in memory: the meaning of a write, which the SQLite store must match and
 * simulations use in its place.
 */
export class DurableImage {
  #shard: DurableShard = EMPTY_SHARD
  #staged: { readonly id: number; readonly pieces: StatePiece[] } | undefined
  readonly #quarantine = new Map<string, Quarantined>()

  get shard(): DurableShard {
    return this.#shard
  }

  /** In order of index and token. */
  get quarantine(): readonly Quarantined[] {
    return [...this.#quarantine.values()].sort(
      (a, b) => a.entry.index - b.entry.index || compareTokens(a.entry.token, b.entry.token),
    )
  }

  dropQuarantine(): void {
    this.#quarantine.clear()
  }

  #keep(lost: Quarantined): void {
    const place = `${lost.entry.index} ${formatToken(lost.entry.token)}`
    const before = this.#quarantine.get(place)
    // It had been dropped before, and came back.
    const committed = lost.committed || before?.committed === true
    this.#quarantine.set(place, before === undefined ? lost : { ...before, committed, supersededBy: lost.supersededBy })
  }

  /** What was staged does not outlive the process that staged it. */
  restarted(): void {
    this.#staged = undefined
  }

  stage(id: number, piece: StatePiece): void {
    if (this.#staged?.id !== id) this.#staged = { id, pieces: [] }
    this.#staged.pieces.push(piece)
  }

  /** As it is now; the two go apart from here on. */
  copy(): DurableImage {
    const copy = new DurableImage()
    copy.#shard = this.#shard
    for (const [place, lost] of this.#quarantine) copy.#quarantine.set(place, lost)
    return copy
  }

  write(write: ShardWrite): void {
    if (write.install !== undefined) this.#install(write.install.id, write.install.base)
    for (const lost of write.quarantine) this.#keep(lost)
    const from = write.truncateFrom
    const kept: readonly LogEntry[] =
      from === undefined ? this.#shard.entries : this.#shard.entries.filter((entry) => entry.index < from)
    this.#shard = {
      ...this.#shard,
      promised: write.promised,
      commitIndex: write.commitIndex,
      entries: [...kept, ...write.append],
    }
  }

  #install(id: number, base: LogBase): void {
    if (this.#staged?.id !== id) throw new Error(`state ${id} was never staged`)
    const { pieces } = this.#staged
    this.#staged = undefined
    this.#shard = {
      ...this.#shard,
      base,
      entries: [],
      checkpoint: {
        appliedIndex: base.index,
        values: pieces.flatMap((piece) => piece.values),
        sessions: pieces.flatMap((piece) => piece.sessions),
      },
    }
  }

  /** @param delta what changed since the checkpoint before @param base drop the log up to here */
  checkpoint(delta: Checkpoint, base: LogBase): void {
    const values = new Map<Key, StoredValue | undefined>(this.#shard.checkpoint.values)
    for (const [key, stored] of delta.values) {
      if (stored === undefined) values.delete(key)
      else values.set(key, stored)
    }
    const sessions = new Map<string, SessionRecord>(
      this.#shard.checkpoint.sessions.map((record) => [record.session, record]),
    )
    for (const record of delta.sessions) sessions.set(record.session, record)
    this.#shard = {
      ...this.#shard,
      commitIndex: Math.max(this.#shard.commitIndex, delta.appliedIndex),
      base,
      entries: this.#shard.entries.filter((entry) => entry.index > base.index),
      checkpoint: { appliedIndex: delta.appliedIndex, values: [...values], sessions: [...sessions.values()] },
    }
  }
}
