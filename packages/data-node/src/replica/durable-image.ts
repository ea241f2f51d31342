import type { Key } from '@meridian/topology'
import type { LogEntry, LogPosition } from './log-entry.ts'
import { EMPTY_SHARD } from './replica-state.ts'
import type { DurableShard, ShardWrite } from './replica-state.ts'
import type { SessionRecord } from './session-table.ts'
import type { Checkpoint, StoredValue } from './shard-state.ts'

/**
 * What a disk holds of one shard, as a value in memory: the meaning of a write, which the SQLite store must match and
 * simulations use in its place.
 */
export class DurableImage {
  #shard: DurableShard = EMPTY_SHARD

  get shard(): DurableShard {
    return this.#shard
  }

  /** As it is now; the two go apart from here on. */
  copy(): DurableImage {
    const copy = new DurableImage()
    copy.#shard = this.#shard
    return copy
  }

  write(write: ShardWrite): void {
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

  /** @param delta what changed since the checkpoint before @param base drop the log up to here */
  checkpoint(delta: Checkpoint, base: LogPosition): void {
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
