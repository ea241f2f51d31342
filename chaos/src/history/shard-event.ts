/**
 * What data nodes and replicas did with a shard, in their own words, and their logs as they were copied after everything
 * had ended. Counters are text, tokens as `formatToken` prints them.
 */
export type ShardEvent =
  | NodeCheckEvent
  | NodeServeEvent
  | NodeRefuseEvent
  | ReplicaAcceptEvent
  | ReplicaRefuseEvent
  | ReplicaSealEvent
  | LogEntryEvent
  | LogEndEvent

/** `write-q`: the write quorum spans regions; `write-l`: it lies inside one, and the region's lease must hold. */
export type ServeMode = 'write-q' | 'write-l' | 'read-quorum' | 'read-lease' | 'read-stale'

/** A node sampled its clock against a lease, and the lease held; `t` is when. */
export interface NodeCheckEvent {
  readonly kind: 'node.check'
  readonly node: string
  readonly nodeEpoch: string
  readonly shard: string
  /** Of the node: under which it then acts. */
  readonly token: string
  readonly mode: ServeMode
  /** Which lease it was: the node's own, or the region's, of the shard's range. */
  readonly lease: 'node' | 'region'
  readonly range: number
  readonly localMs: number
  readonly deadlineMs: number
  /** How long before the deadline it stops. */
  readonly guardMs: number
}

/** A node answered a request: for a write, acknowledged it; `t` is when. */
export interface NodeServeEvent {
  readonly kind: 'node.serve'
  readonly node: string
  readonly nodeEpoch: string
  readonly region: string
  readonly shard: string
  readonly range: number
  /** What the request carried. */
  readonly token: string
  /** What the node had then. */
  readonly own: string
  readonly mode: ServeMode
  /** Of a write its entry's, of a read that of the state it saw. */
  readonly idx: string
  /** Of a write: it had been applied before, and `idx` is where. Absent: not so. */
  readonly duplicate?: boolean
}

/** A node refused a request because of its token. */
export interface NodeRefuseEvent {
  readonly kind: 'node.refuse'
  readonly node: string
  readonly shard: string
  /** What the request carried. */
  readonly token: string
  /** The node's token as the refusal tells it; empty: it tells none. */
  readonly own: string
}

/** What a replica did with a message of a leader. `promised` is what it had promised before. */
interface ReplicaDeed {
  readonly replica: string
  readonly shard: string
  readonly token: string
  readonly promised: string
  /** Highest index of the message, or of the replica's log when sealed. */
  readonly idx: string
}

export interface ReplicaAcceptEvent extends ReplicaDeed {
  readonly kind: 'rep.accept'
}

export interface ReplicaRefuseEvent extends ReplicaDeed {
  readonly kind: 'rep.refuse'
}

/** Promised, durably, and told so: nothing lower will be accepted. */
export interface ReplicaSealEvent extends ReplicaDeed {
  readonly kind: 'rep.seal'
}

/** One item of a replica's log after the run; items of one entry share its index. */
export interface LogEntryEvent {
  readonly kind: 'log.entry'
  readonly replica: string
  readonly shard: string
  readonly idx: string
  readonly token: string
  /** With `cseq`: names the request, as its client does. Empty for entries that nobody asked for, such as barriers. */
  readonly client: string
  readonly cseq: string
  /** `<keyspace>/<key>` */
  readonly key: string
  /** Empty: the key was deleted, or there is none. */
  readonly value: string
  /** False: a repetition of an earlier entry, recognised when its turn came and passed over. */
  readonly applied: boolean
}

/** The log of a replica was copied to its end: only then does an entry that is missing mean something. */
export interface LogEndEvent {
  readonly kind: 'log.end'
  readonly replica: string
  readonly shard: string
  /** Lowest and highest index copied, all between included; entries above `committed` were never acknowledged. */
  readonly first: string
  readonly committed: string
  readonly last: string
  /** How many `log.entry` events belong to it. */
  readonly entries: number
  /** Who wrote what was trimmed: from `first` on the leader of `token`, as far as it is remembered. Absent: nobody tells. */
  readonly lineage?: readonly { readonly token: string; readonly first: string }[]
}
