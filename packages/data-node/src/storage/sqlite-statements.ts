import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { generation, keyBytes, keyOfBytes, token } from '@meridian/topology'
import type { Key, ShardId } from '@meridian/topology'
import type { LogBase } from '../replica/lineage.ts'
import type { LogEntry } from '../replica/log-entry.ts'
import type { Quarantined } from '../replica/quarantine.ts'
import type { DurableShard, ShardWrite } from '../replica/replica-state.ts'
import type { SessionRecord } from '../replica/session-table.ts'
import type { Checkpoint, StatePiece, StoredValue } from '../replica/shard-state.ts'
import { decodeEntry, encodeEntry } from '../wire.ts'
import { decodeLineage, encodeLineage } from './lineage-codec.ts'
import type { QuarantinePlace } from './node-storage.ts'
import { decodeSession, encodeSession } from './session-codec.ts'

const SHARD_STRIDE = 2n ** 40n

/** The node's tables. Rows of one shard carry its number; which number that is, is the storage's business. */
export class Statements {
  readonly readIdentity: StatementSync
  readonly writeIdentity: StatementSync
  readonly addShard: StatementSync
  readonly addGarbage: StatementSync
  readonly dropQuarantine: StatementSync
  readonly probe: StatementSync
  readonly #readShard: StatementSync
  readonly #updateShard: StatementSync
  readonly #updateBase: StatementSync
  readonly #readEntries: StatementSync
  readonly #addEntry: StatementSync
  readonly #dropEntries: StatementSync
  readonly #readValues: StatementSync
  readonly #putValue: StatementSync
  readonly #dropValue: StatementSync
  readonly #readSessions: StatementSync
  readonly #putSession: StatementSync
  readonly #renumber: StatementSync
  readonly #dropGarbage: StatementSync
  readonly #sweeps: readonly StatementSync[]
  readonly #addQuarantine: StatementSync
  readonly #countQuarantine: StatementSync
  readonly #readQuarantine: StatementSync

  constructor(database: DatabaseSync) {
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql)
      statement.setReadBigInts(true)
      return statement
    }
    this.readIdentity = prepare('SELECT node_epoch, attempt FROM node')
    this.writeIdentity = prepare('UPDATE node SET node_epoch = ?, attempt = ?')
    this.addShard = prepare("INSERT INTO shard VALUES (?, ?, 0, 0, 0, 0, 0, 0, x'', 0)")
    this.probe = prepare('INSERT OR REPLACE INTO probe VALUES (1, ?)')
    this.#readShard = prepare('SELECT * FROM shard WHERE number = ?')
    this.#updateShard = prepare(
      'UPDATE shard SET promised_generation = ?, promised_epoch = ?, commit_index = ? WHERE number = ?',
    )
    this.#updateBase = prepare(
      'UPDATE shard SET base_index = ?, base_generation = ?, base_epoch = ?, lineage = ?, applied_index = ?, commit_index = max(commit_index, ?) WHERE number = ?',
    )
    this.#readEntries = prepare('SELECT payload FROM entry WHERE position BETWEEN ? AND ? ORDER BY position')
    this.#addEntry = prepare('INSERT INTO entry VALUES (?, ?)')
    this.#dropEntries = prepare('DELETE FROM entry WHERE position BETWEEN ? AND ?')
    this.#readValues = prepare('SELECT key, value, entry FROM value WHERE shard = ?')
    this.#putValue = prepare('INSERT OR REPLACE INTO value VALUES (?, ?, ?, ?)')
    this.#dropValue = prepare('DELETE FROM value WHERE shard = ? AND key = ?')
    this.#readSessions = prepare('SELECT session, payload FROM session WHERE shard = ?')
    this.#putSession = prepare('INSERT OR REPLACE INTO session VALUES (?, ?, ?)')
    this.#renumber = prepare('UPDATE shard SET number = ? WHERE number = ?')
    this.addGarbage = prepare('INSERT INTO garbage VALUES (?)')
    this.#dropGarbage = prepare('DELETE FROM garbage WHERE number = ?')
    this.#sweeps = [
      prepare(
        'DELETE FROM entry WHERE position IN (SELECT position FROM entry WHERE position BETWEEN ?1 * 1099511627776 AND ?1 * 1099511627776 + 1099511627775 LIMIT ?2)',
      ),
      prepare('DELETE FROM value WHERE shard = ?1 AND key IN (SELECT key FROM value WHERE shard = ?1 LIMIT ?2)'),
      prepare(
        'DELETE FROM session WHERE shard = ?1 AND session IN (SELECT session FROM session WHERE shard = ?1 LIMIT ?2)',
      ),
    ]
    // One entry may be dropped twice, when it came back before its log was left behind for good.
    this.#addQuarantine = prepare(
      'INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET committed = max(committed, excluded.committed), superseded_by = excluded.superseded_by',
    )
    this.#countQuarantine = prepare('SELECT count(*) AS entries FROM quarantine WHERE shard_id = ?')
    this.#readQuarantine = prepare(
      'SELECT * FROM quarantine WHERE shard_id = ? AND (entry_index, generation, epoch) > (?, ?, ?) ORDER BY entry_index, generation, epoch LIMIT ?',
    )
    this.dropQuarantine = prepare('DELETE FROM quarantine WHERE shard_id = ?')
  }

  write(shard: ShardId, number: bigint, write: ShardWrite): void {
    const { promised, truncateFrom } = write
    for (const lost of write.quarantine) {
      const { index, token: under } = lost.entry
      this.#addQuarantine.run(
        shard,
        BigInt(index),
        under.generation,
        under.epoch,
        lost.committed ? 1n : 0n,
        lost.supersededBy,
        lost.remains ? 1n : 0n,
        encodeEntry(lost.entry),
      )
    }
    this.#updateShard.run(promised.generation, promised.epoch, BigInt(write.commitIndex), number)
    if (truncateFrom !== undefined) this.#dropEntries.run(position(number, truncateFrom), position(number + 1n, 0) - 1n)
    for (const entry of write.append) this.#addEntry.run(position(number, entry.index), encodeEntry(entry))
  }

  /** The state staged under `number` is the shard's from here on; what it had under `before` is garbage. */
  install(before: bigint, number: bigint, base: LogBase): void {
    this.#renumber.run(number, before)
    this.#dropGarbage.run(number)
    this.addGarbage.run(before)
    this.#writeBase(number, base, base.index)
  }

  putState(number: bigint, piece: StatePiece): void {
    for (const [key, stored] of piece.values)
      this.#putValue.run(number, keyBytes(key), stored.value, BigInt(stored.index))
    for (const record of piece.sessions) this.#putSession.run(number, record.session, encodeSession(record))
  }

  /** Drops some rows of a number that is garbage; true when none is left. */
  sweep(number: bigint, rows: number): boolean {
    for (const statement of this.#sweeps) if (Number(statement.run(number, BigInt(rows)).changes) === rows) return false
    this.#dropGarbage.run(number)
    return true
  }

  countQuarantine(shard: ShardId): number {
    return Number(this.#countQuarantine.get(shard)?.['entries'] ?? 0)
  }

  readQuarantine(shard: ShardId, after: QuarantinePlace | undefined, limit: number): Quarantined[] {
    const { generation: gen, epoch: ep } = after?.token ?? { generation: -1n, epoch: -1n }
    const rows = this.#readQuarantine.all(shard, BigInt(after?.index ?? -1), gen, ep, BigInt(limit))
    return rows.map((row) => ({
      entry: decodeEntry(asBytes(row['payload'])),
      committed: row['committed'] === 1n,
      supersededBy: generation(asBigint(row['superseded_by'])),
      remains: row['remains'] === 1n,
    }))
  }

  #writeBase(number: bigint, base: LogBase, appliedIndex: number): void {
    const applied = BigInt(appliedIndex)
    const { generation: gen, epoch: ep } = base.token
    this.#updateBase.run(BigInt(base.index), gen, ep, encodeLineage(base.lineage), applied, applied, number)
  }

  checkpoint(number: bigint, delta: Checkpoint, base: LogBase): void {
    if (base.index > delta.appliedIndex)
      throw new Error(`log would be dropped up to ${base.index}, the state stands at ${delta.appliedIndex}`)
    for (const [key, stored] of delta.values) {
      if (stored === undefined) this.#dropValue.run(number, keyBytes(key))
      else this.#putValue.run(number, keyBytes(key), stored.value, BigInt(stored.index))
    }
    for (const record of delta.sessions) this.#putSession.run(number, record.session, encodeSession(record))
    this.#writeBase(number, base, delta.appliedIndex)
    this.#dropEntries.run(position(number, 0), position(number, base.index))
  }

  load(number: bigint): DurableShard | undefined {
    const row = this.#readShard.get(number)
    if (row === undefined) return undefined
    const entries: LogEntry[] = []
    for (const stored of this.#readEntries.iterate(position(number, 0), position(number + 1n, 0) - 1n)) {
      entries.push(decodeEntry(asBytes(stored['payload'])))
    }
    const values: [Key, StoredValue][] = []
    for (const stored of this.#readValues.iterate(number)) {
      values.push([
        keyOfBytes(asBytes(stored['key'])),
        { value: asBytes(stored['value']), index: Number(stored['entry']) },
      ])
    }
    const sessions: SessionRecord[] = []
    for (const stored of this.#readSessions.iterate(number)) {
      sessions.push(decodeSession(String(stored['session']), asBytes(stored['payload'])))
    }
    return {
      promised: token(asBigint(row['promised_generation']), asBigint(row['promised_epoch'])),
      commitIndex: Number(row['commit_index']),
      base: {
        index: Number(row['base_index']),
        token: token(asBigint(row['base_generation']), asBigint(row['base_epoch'])),
        lineage: decodeLineage(asBytes(row['lineage'])),
      },
      entries,
      checkpoint: { appliedIndex: Number(row['applied_index']), values, sessions },
    }
  }
}

function position(number: bigint, index: number): bigint {
  return number * SHARD_STRIDE + BigInt(index)
}

export function asBigint(value: unknown): bigint {
  if (typeof value !== 'bigint') throw new Error(`stored ${typeof value} where a counter should be`)
  return value
}

function asBytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Error(`stored ${typeof value} where bytes should be`)
  return value
}
