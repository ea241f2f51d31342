/**
 * Phases of a planned move: of a range from one region to another, or of a replica inside one. `op` names the move; every
 * event of one move carries the same. Counters are text.
 */
export type MoveEvent =
  | MovePrepareEvent
  | MoveFollowEvent
  | MoveFreezeEvent
  | MoveBarrierEvent
  | MoveCommitEvent
  | MoveAbortEvent
  | MoveThawEvent
  | MoveActivateEvent
  | QuarantineReportEvent

/** The move is in the journal. */
export interface MovePrepareEvent {
  readonly kind: 'move.prepare'
  readonly op: string
  readonly what: 'range' | 'replica'
  readonly range: number
  /** Generation before the move. */
  readonly gen: string
  /** Regions of a range, nodes of a replica. */
  readonly source: string
  readonly target: string
}

/** The target holds the shard's log up to `idx`. */
export interface MoveFollowEvent {
  readonly kind: 'move.follow'
  readonly op: string
  readonly shard: string
  readonly node: string
  readonly idx: string
}

/** A node refuses writes of the shard from here on, because of this move. */
export interface MoveFreezeEvent {
  readonly kind: 'move.freeze'
  readonly op: string
  readonly shard: string
  readonly node: string
  readonly token: string
}

/** The last entry of the frozen shard is committed at `idx`. */
export interface MoveBarrierEvent {
  readonly kind: 'move.barrier'
  readonly op: string
  readonly shard: string
  readonly node: string
  readonly token: string
  readonly idx: string
}

/** The move is decided: source and target have changed places. `gen` is the new generation (a replica's: the same). */
export interface MoveCommitEvent {
  readonly kind: 'move.commit'
  readonly op: string
  readonly range: number
  readonly gen: string
  readonly rev: string
}

/** The move is given up, committed and readable: nothing of it will count. */
export interface MoveAbortEvent {
  readonly kind: 'move.abort'
  readonly op: string
  readonly range: number
  readonly rev: string
}

/** A node takes writes of the shard again. */
export interface MoveThawEvent {
  readonly kind: 'move.thaw'
  readonly op: string
  readonly shard: string
  readonly node: string
}

/** A node of the target begins to serve the shard, with a log up to `idx`. */
export interface MoveActivateEvent {
  readonly kind: 'move.activate'
  readonly op: string
  readonly shard: string
  readonly node: string
  readonly token: string
  readonly idx: string
}

/** What a returning region had acknowledged, or may have, and the new lineage of the shard does not hold. */
export interface QuarantineReportEvent {
  readonly kind: 'quarantine.report'
  readonly shard: string
  readonly range: number
  /** The generation that was lost. */
  readonly gen: string
  readonly entries: readonly QuarantinedEntry[]
}

export interface QuarantinedEntry {
  readonly client: string
  readonly cseq: string
  readonly idx: string
}
