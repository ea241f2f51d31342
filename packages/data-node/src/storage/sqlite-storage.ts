import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { keyBytes, keyOfBytes, MeridianError, nodeEpoch, parseShardId, token } from '@meridian/topology'
import type { Key, NodeId, ShardId } from '@meridian/topology'
import type { LogEntry, LogPosition } from '../replica/log-entry.ts'
import type { DurableShard, ShardWrite } from '../replica/replica-state.ts'
import type { SessionRecord } from '../replica/session-table.ts'
import type { Checkpoint, StoredValue } from '../replica/shard-state.ts'
import { decodeEntry, encodeEntry } from '../wire.ts'
import { GroupCommit } from './group-commit.ts'
import { DATABASE_FORMAT, openNodeDatabase } from './node-database.ts'
import type { NodeIdentity, NodeStorage, NodeStorageOptions } from './node-storage.ts'
import { decodeSession, encodeSession } from './session-codec.ts'

type Write = (statements: Statements) => void

const SHARD_STRIDE = 2n ** 40n

/** The storage of a node in one SQLite database: every write and checkpoint a transaction, an fsync for all of a turn. */
export class SqliteStorage implements NodeStorage {
  readonly #database: DatabaseSync
  readonly #statements: Statements
  readonly #commits: GroupCommit<Write>
  readonly #numbers = new Map<ShardId, bigint>()
  #closed = false

  /** @throws MeridianError WORLD_IN_USE, CONFIG_INVALID when the folder belongs to another node or format */
  constructor(options: NodeStorageOptions) {
    this.#database = openNodeDatabase(options.dataDir)
    try {
      claim(this.#database, options.nodeId, options.dataDir)
      this.#statements = new Statements(this.#database)
      for (const row of this.#database.prepare('SELECT number, shard_id FROM shard').all()) {
        this.#numbers.set(parseShardId(String(row['shard_id'])), BigInt(Number(row['number'])))
      }
    } catch (error) {
      this.#database.close()
      throw error
    }
    const onFailure = options.onFailure ?? endProcess
    this.#commits = new GroupCommit((batch) => this.#commit(batch), onFailure)
  }

  get identity(): NodeIdentity {
    const row = this.#statements.readIdentity.get()
    if (row === undefined) throw new Error('the node has no identity row')
    return { nodeEpoch: nodeEpoch(asBigint(row['node_epoch'])), attempt: String(row['attempt']) }
  }

  storeIdentity(identity: NodeIdentity): Promise<void> {
    return this.#commits.add((statements) => statements.writeIdentity.run(identity.nodeEpoch, identity.attempt))
  }

  get shards(): ShardId[] {
    return [...this.#numbers.keys()]
  }

  load(shard: ShardId): DurableShard | undefined {
    const number = this.#numbers.get(shard)
    return number === undefined ? undefined : this.#statements.load(number)
  }

  write(shard: ShardId, write: ShardWrite): Promise<void> {
    const number = this.#number(shard)
    return this.#commits.add((statements) => statements.write(number, write))
  }

  checkpoint(shard: ShardId, delta: Checkpoint, base: LogPosition): Promise<void> {
    const number = this.#number(shard)
    return this.#commits.add((statements) => statements.checkpoint(number, delta, base))
  }

  settled(): Promise<void> {
    return this.#commits.settled()
  }

  probe(nowMs: number): Promise<void> {
    return this.#commits.add((statements) => statements.probe.run(BigInt(Math.trunc(nowMs))))
  }

  /** Commits what waits and releases the folder. */
  [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return Promise.resolve()
    this.#commits.flush()
    this.#closed = true
    this.#database.close()
    return Promise.resolve()
  }

  #number(shard: ShardId): bigint {
    const known = this.#numbers.get(shard)
    if (known !== undefined) return known
    const number = BigInt(this.#numbers.size + 1)
    this.#numbers.set(shard, number)
    // Its row comes with this very batch, before the write it is numbered for.
    void this.#commits.add((statements) => statements.addShard.run(number, shard))
    return number
  }

  #commit(batch: readonly Write[]): void {
    // A turn may end after the node was closed; what it wanted was never promised to anybody.
    if (this.#closed) throw new Error('write after the storage was closed')
    this.#database.exec('BEGIN IMMEDIATE')
    for (const write of batch) write(this.#statements)
    this.#database.exec('COMMIT')
  }
}

class Statements {
  readonly readIdentity: StatementSync
  readonly writeIdentity: StatementSync
  readonly addShard: StatementSync
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

  constructor(database: DatabaseSync) {
    const prepare = (sql: string): StatementSync => {
      const statement = database.prepare(sql)
      statement.setReadBigInts(true)
      return statement
    }
    this.readIdentity = prepare('SELECT node_epoch, attempt FROM node')
    this.writeIdentity = prepare('UPDATE node SET node_epoch = ?, attempt = ?')
    this.addShard = prepare('INSERT INTO shard VALUES (?, ?, 0, 0, 0, 0, 0, 0, 0)')
    this.probe = prepare('INSERT OR REPLACE INTO probe VALUES (1, ?)')
    this.#readShard = prepare('SELECT * FROM shard WHERE number = ?')
    this.#updateShard = prepare(
      'UPDATE shard SET promised_generation = ?, promised_epoch = ?, commit_index = ? WHERE number = ?',
    )
    this.#updateBase = prepare(
      'UPDATE shard SET base_index = ?, base_generation = ?, base_epoch = ?, applied_index = ?, commit_index = max(commit_index, ?) WHERE number = ?',
    )
    this.#readEntries = prepare('SELECT payload FROM entry WHERE position BETWEEN ? AND ? ORDER BY position')
    this.#addEntry = prepare('INSERT INTO entry VALUES (?, ?)')
    this.#dropEntries = prepare('DELETE FROM entry WHERE position BETWEEN ? AND ?')
    this.#readValues = prepare('SELECT key, value, entry FROM value WHERE shard = ?')
    this.#putValue = prepare('INSERT OR REPLACE INTO value VALUES (?, ?, ?, ?)')
    this.#dropValue = prepare('DELETE FROM value WHERE shard = ? AND key = ?')
    this.#readSessions = prepare('SELECT session, payload FROM session WHERE shard = ?')
    this.#putSession = prepare('INSERT OR REPLACE INTO session VALUES (?, ?, ?)')
  }

  write(number: bigint, write: ShardWrite): void {
    const { promised, truncateFrom } = write
    this.#updateShard.run(promised.generation, promised.epoch, BigInt(write.commitIndex), number)
    if (truncateFrom !== undefined) this.#dropEntries.run(position(number, truncateFrom), position(number + 1n, 0) - 1n)
    for (const entry of write.append) this.#addEntry.run(position(number, entry.index), encodeEntry(entry))
  }

  checkpoint(number: bigint, delta: Checkpoint, base: LogPosition): void {
    if (base.index > delta.appliedIndex)
      throw new Error(`log would be dropped up to ${base.index}, the state stands at ${delta.appliedIndex}`)
    for (const [key, stored] of delta.values) {
      if (stored === undefined) this.#dropValue.run(number, keyBytes(key))
      else this.#putValue.run(number, keyBytes(key), stored.value, BigInt(stored.index))
    }
    for (const record of delta.sessions) this.#putSession.run(number, record.session, encodeSession(record))
    const applied = BigInt(delta.appliedIndex)
    this.#updateBase.run(BigInt(base.index), base.token.generation, base.token.epoch, applied, applied, number)
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
      },
      entries,
      checkpoint: { appliedIndex: Number(row['applied_index']), values, sessions },
    }
  }
}

function position(number: bigint, index: number): bigint {
  return number * SHARD_STRIDE + BigInt(index)
}

function claim(database: DatabaseSync, id: NodeId, dataDir: string): void {
  const row = database.prepare('SELECT format, node_id FROM node').get()
  if (row === undefined) {
    database.prepare('INSERT INTO node VALUES (1, ?, ?, 0, ?)').run(DATABASE_FORMAT, id, '')
    return
  }
  if (row['format'] !== DATABASE_FORMAT || row['node_id'] !== id) {
    throw new MeridianError(
      'CONFIG_INVALID',
      `${dataDir} belongs to node ${String(row['node_id'])} in format ${String(row['format'])}, this is ${id} in format ${DATABASE_FORMAT}`,
      { details: { folder: dataDir } },
    )
  }
}

function asBigint(value: unknown): bigint {
  if (typeof value !== 'bigint') throw new Error(`stored ${typeof value} where a counter should be`)
  return value
}

function asBytes(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Error(`stored ${typeof value} where bytes should be`)
  return value
}

function endProcess(error: unknown): void {
  // Outside every promise: nothing may catch it, because what the disk holds is not known any more.
  setImmediate(() => {
    throw new Error('a commit of the data node failed', { cause: error })
  })
}
