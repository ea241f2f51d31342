import type {
  Key,
  KeyspaceName,
  NodeEpoch,
  NodeId,
  OperationId,
  PageRole,
  RangeId,
  RegionId,
  ShardId,
  Token,
} from '@meridian/topology'

/** One shard as its region's controller committed it, with all that a request or a replica needs to reach it. */
export interface ShardRecord {
  readonly shardId: ShardId
  readonly rangeId: RangeId
  readonly keyspace: KeyspaceName
  readonly start: Key
  /** The empty key means unbounded. */
  readonly end: Key
  readonly token: Token
  readonly region: RegionId
  /** Absent: nobody leads. */
  readonly leader: ShardLeader | undefined
  readonly replicas: readonly ReplicaAddress[]
  /** While the replica set changes: the one before, of which every quorum needs a majority too. Decided with the token. */
  readonly prior: readonly ReplicaAddress[] | undefined
  /** A standby's replicas are fed by the leader in the owner region. */
  readonly role: PageRole
  /** The transfer for whose sake the leader takes no writes. Decided with the token: another one has another token. */
  readonly freeze: OperationId | undefined
  /** Replicas elsewhere that the leader feeds; not decided with the token. */
  readonly learners: readonly ReplicaAddress[]
}

export interface ShardLeader {
  readonly nodeId: NodeId
  /** `host:port` */
  readonly address: string
  /** The life of the node that the leadership is bound to: any other life of the same node is not the leader. */
  readonly nodeEpoch: NodeEpoch
}

export interface ReplicaAddress {
  readonly nodeId: NodeId
  /** `host:port` */
  readonly address: string
}
