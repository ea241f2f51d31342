import type { NodeId, ShardId, Token } from '@meridian/topology'

/** One replica's log as its disk holds it. */
export interface ShardPosition {
  readonly shardId: ShardId
  readonly promised: Token
  readonly lastIndex: number
  /** Of the entry at `lastIndex`. */
  readonly lastToken: Token
  readonly commitIndex: number
  /** The state is being installed: nothing of the log counts. */
  readonly installing: boolean
  readonly role: 'serving' | 'sealing' | 'follower' | 'none'
}

/** What the nodes of this region say of their replicas. */
export interface ReplicaPositions {
  /**
   * In any order; shards that the node knows nothing of are left out.
   *
   * @throws MeridianError UNAVAILABLE and the like when the node does not answer
   */
  positions(
    node: { readonly nodeId: NodeId; readonly address: string },
    shards: readonly ShardId[],
    signal: AbortSignal,
  ): Promise<readonly ShardPosition[]>
}
