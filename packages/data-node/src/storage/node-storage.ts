import { compareTokens } from '@meridian/topology'
import type { NodeEpoch, NodeId, ShardId } from '@meridian/topology'
import type { LogBase } from '../replica/lineage.ts'
import type { LogPosition } from '../replica/log-entry.ts'
import type { Quarantined } from '../replica/quarantine.ts'
import type { DurableShard, ShardWrite } from '../replica/replica-state.ts'
import type { Checkpoint, StatePiece } from '../replica/shard-state.ts'

/** Where a listing of a shard's quarantine has come to. */
export type QuarantinePlace = LogPosition

export function comparePlaces(a: QuarantinePlace, b: QuarantinePlace): number {
  return a.index - b.index || compareTokens(a.token, b.token)
}

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
  /** Keeps a piece of a state beside the shard's present one. One of another id replaces what was staged before. */
  stage(shard: ShardId, id: number, piece: StatePiece): Promise<void>
  /** Whole or not at all; with what was staged under the id of its `install`, if it has one. */
  write(shard: ShardId, write: ShardWrite): Promise<void>
  /** State at or above `base`, then nothing of the log up to `base`: whole or not at all. */
  checkpoint(shard: ShardId, delta: Checkpoint, base: LogBase): Promise<void>
  /** Entries in quarantine; durable ones. */
  quarantined(shard: ShardId): number
  /** In order of index and token. */
  quarantine(shard: ShardId, after: QuarantinePlace | undefined, limit: number): readonly Quarantined[]
  /** For good: the entries are in no log any more. */
  dropQuarantine(shard: ShardId): Promise<void>
  /** Resolves once everything handed over so far is durable. */
  settled(): Promise<void>
  /** A write of no meaning, to see that the disk still takes one. */
  probe(nowMs: number): Promise<void>
}

/** @throws MeridianError WORLD_IN_USE, CONFIG_INVALID when the folder belongs to another node or format */
export type OpenNodeStorage = (options: NodeStorageOptions) => NodeStorage
