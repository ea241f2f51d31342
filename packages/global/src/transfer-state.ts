import type { Generation, NodeId, OperationId, RangeDescriptor, ShardId, Token } from '@meridian/topology'
import type { TransferEntry, TransferPhase } from './journal.ts'

export interface TransferTiming {
  /** A transfer that comes no nearer to its end for so long is aborted. */
  readonly stallMsMax: number
  /** A range that has been frozen for so long is given back, whatever comes nearer. */
  readonly frozenMsMax: number
  /** How long source or target may take to step into their new parts before nobody waits for it any more. */
  readonly cleanMsMax: number
  /** The same while replicas of the target are being filled, which does not show in their positions. */
  readonly installMsMax: number
  /** Entries that the target may lack when the range freezes. */
  readonly lagEntriesMax: bigint
  /** Pause between questions while the target copies. */
  readonly followEveryMs: number
  /** Pause between questions while writes are refused. */
  readonly frozenEveryMs: number
  /** What it waits for is written down no more often than this. */
  readonly noteEveryMs: number
}

export const TRANSFER_TIMING: TransferTiming = {
  stallMsMax: 30_000,
  installMsMax: 600_000,
  frozenMsMax: 10_000,
  cleanMsMax: 60_000,
  lagEntriesMax: 200n,
  followEveryMs: 250,
  frozenEveryMs: 25,
  noteEveryMs: 5000,
}

export interface NodePlace {
  readonly nodeId: NodeId
  /** `host:port` */
  readonly address: string
}

export interface TransferShard {
  readonly shardId: ShardId
  readonly leader: NodePlace | undefined
  readonly replicas: readonly NodePlace[]
  /** While the replicas change: the ones before, of which a quorum is needed as well. */
  readonly prior?: readonly NodePlace[]
}

/** A region's page of the range, as its feed shows it. */
export interface TransferPage {
  readonly role: 'owner' | 'standby'
  readonly generation: Generation
  readonly frozenFor: OperationId | undefined
  readonly shards: readonly TransferShard[]
}

/** One replica's log. */
export interface Position {
  readonly shardId: ShardId
  readonly lastIndex: bigint
  /** Of the entry at `lastIndex`. */
  readonly lastToken: Token
  readonly commitIndex: bigint
  /** Its state is being replaced: what it says of its log does not count. */
  readonly installing: boolean
}

/** Where a frozen leader's log ends, everything in it decided. */
export interface Barrier {
  readonly shardId: ShardId
  readonly token: Token
  readonly index: bigint
}

export interface TransferFacts {
  /** As the journal has it. */
  readonly entry: TransferEntry
  /** As G has it; undefined: no range has the id any more. */
  readonly range: RangeDescriptor | undefined
  readonly source: TransferPage | undefined
  readonly target: TransferPage | undefined
  /** Why the target may not get anything, of what nobody waits for: drained, silent. */
  readonly objection: string | undefined
}

export interface TransferState {
  readonly timing: TransferTiming
  readonly phase: TransferPhase
  /** Since this process knows of the phase. */
  readonly sinceMs: number
  /** Since this process knows the range to be frozen. */
  readonly frozenMs: number | undefined
  /** When it last came nearer to its end. */
  readonly progressMs: number
  /** How near it is; only ever compared. */
  readonly score: number
  readonly barriers: ReadonlyMap<ShardId, Barrier>
  /** By node and shard, as last told. */
  readonly positions: ReadonlyMap<NodeId, ReadonlyMap<ShardId, Position>>
  /** What it waits for. */
  readonly note: string
  /** When that was last written down. */
  readonly notedMs: number
  /** A command is on its way: nothing else is begun. */
  readonly busy: boolean
}

export type TransferCommand = 'follow' | 'freeze' | 'commit' | 'abort' | 'end' | 'note'

export type TransferEffect =
  | { readonly kind: 'ask-positions'; readonly node: NodePlace; readonly shards: readonly ShardId[] }
  | { readonly kind: 'ask-barriers'; readonly node: NodePlace; readonly shards: readonly ShardId[] }
  /** One commit at G. `phase` is what the journal is to say afterwards. */
  | {
      readonly kind: 'command'
      readonly command: TransferCommand
      readonly phase: TransferPhase
      readonly note: string
    }
