import type { DatabaseSync } from 'node:sqlite'
import { MeridianError, nodeEpoch, parseShardId } from '@meridian/topology'
import type { NodeId, ShardId } from '@meridian/topology'
import type { LogBase } from '../replica/lineage.ts'
import type { Quarantined } from '../replica/quarantine.ts'
import type { DurableShard, ShardWrite } from '../replica/replica-state.ts'
import type { Checkpoint, StatePiece } from '../replica/shard-state.ts'
import { GroupCommit } from './group-commit.ts'
import { DATABASE_FORMAT, openNodeDatabase } from './node-database.ts'
import type { NodeIdentity, NodeStorage, NodeStorageOptions, QuarantinePlace } from './node-storage.ts'
import { asBigint, Statements } from './sqlite-statements.ts'

type Write = (statements: Statements) => void

/** Rows of replaced states dropped with each commit. */
const SWEEP_ROWS = 512

/** The storage of a node in one SQLite database: every write and checkpoint a transaction, an fsync for all of a turn. */
export class SqliteStorage implements NodeStorage {
  readonly #database: DatabaseSync
  readonly #statements: Statements
  readonly #commits: GroupCommit<Write>
  /** Rows of a shard carry its number. An installed state is written under a number of its own, which then becomes it. */
  readonly #numbers = new Map<ShardId, bigint>()
  readonly #staged = new Map<ShardId, { readonly id: number; readonly number: bigint }>()
  /** Numbers whose rows are of no use any more. */
  readonly #dead: bigint[] = []
  #lastNumber = 0n
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
      for (const row of this.#database.prepare('SELECT number FROM garbage').all())
        this.#dead.push(BigInt(Number(row['number'])))
      for (const number of [...this.#numbers.values(), ...this.#dead])
        if (number > this.#lastNumber) this.#lastNumber = number
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
    const { install } = write
    const before = this.#number(shard)
    if (install === undefined) return this.#commits.add((statements) => statements.write(shard, before, write))
    const staged = this.#staged.get(shard)
    if (staged?.id !== install.id) throw new Error(`state ${install.id} of ${shard} was never staged`)
    const { number } = staged
    this.#staged.delete(shard)
    this.#numbers.set(shard, number)
    return this.#commits.add((statements) => {
      statements.install(before, number, install.base)
      this.#dead.push(before)
      statements.write(shard, number, write)
    })
  }

  stage(shard: ShardId, id: number, piece: StatePiece): Promise<void> {
    this.#number(shard)
    const { number } = this.#stage(shard, id)
    return this.#commits.add((statements) => statements.putState(number, piece))
  }

  /** Garbage from the first row on, so that a crash leaves nothing that counts. */
  #stage(shard: ShardId, id: number): { readonly number: bigint } {
    const known = this.#staged.get(shard)
    if (known?.id === id) return known
    if (known !== undefined) this.#dead.push(known.number)
    const staged = { id, number: ++this.#lastNumber }
    this.#staged.set(shard, staged)
    void this.#commits.add((statements) => statements.addGarbage.run(staged.number))
    return staged
  }

  checkpoint(shard: ShardId, delta: Checkpoint, base: LogBase): Promise<void> {
    const number = this.#number(shard)
    return this.#commits.add((statements) => statements.checkpoint(number, delta, base))
  }

  quarantined(shard: ShardId): number {
    return this.#statements.countQuarantine(shard)
  }

  quarantine(shard: ShardId, after: QuarantinePlace | undefined, limit: number): readonly Quarantined[] {
    return this.#statements.readQuarantine(shard, after, limit)
  }

  dropQuarantine(shard: ShardId): Promise<void> {
    return this.#commits.add((statements) => statements.dropQuarantine.run(shard))
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
    const number = ++this.#lastNumber
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
    const [dead] = this.#dead
    if (dead !== undefined && this.#statements.sweep(dead, SWEEP_ROWS)) this.#dead.shift()
    this.#database.exec('COMMIT')
  }
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

function endProcess(error: unknown): void {
  // Outside every promise: nothing may catch it, because what the disk holds is not known any more.
  setImmediate(() => {
    throw new Error('a commit of the data node failed', { cause: error })
  })
}
