import type { NodeEpoch, NodeId, ShardId } from '@meridian/topology'
import type { LogPosition } from '../replica/log-entry.ts'
import type { DurableShard, ShardWrite } from '../replica/replica-state.ts'
import type { Checkpoint } from '../replica/shard-state.ts'

/** What the node is, stored before it does anything under it. */
export interface NodeIdentity {
  /** The last one stored; 0 for a new disk. */
  readonly nodeEpoch: NodeEpoch
  /** A registration that was begun and whose answer has not been stored; empty when there is none. */
  readonly attempt: string
}

export interface NodeStorageOptions {
  readonly dataDir: string
  readonly nodeId: NodeId
  /** Called once when a commit has failed; must end the process. Default: throw where nothing catches it. */
  readonly onFailure?: (error: unknown) => void
}

/**
 * All that one node keeps: who it is, and per shard the promise, the log and checkpoints of the state. One writer;
 * what is handed over becomes durable in that order, and no promise below resolves before or ever rejects.
 */
export interface NodeStorage extends AsyncDisposable {
  readonly identity: NodeIdentity
  /** Every shard ever written to. */
  readonly shards: readonly ShardId[]
  storeIdentity(identity: NodeIdentity): Promise<void>
  /** What a crash would leave of the shard now; writes not yet durable are not in it. */
  load(shard: ShardId): DurableShard | undefined
  /** Whole or not at all. */
  write(shard: ShardId, write: ShardWrite): Promise<void>
  /** State at or above `base`, then nothing of the log up to `base`: whole or not at all. */
  checkpoint(shard: ShardId, delta: Checkpoint, base: LogPosition): Promise<void>
  /** Resolves once everything handed over so far is durable. */
  settled(): Promise<void>
  /** A write of no meaning, to see that the disk still takes one. */
  probe(nowMs: number): Promise<void>
}

/** @throws MeridianError WORLD_IN_USE, CONFIG_INVALID when the folder belongs to another node or format */
export type OpenNodeStorage = (options: NodeStorageOptions) => NodeStorage
