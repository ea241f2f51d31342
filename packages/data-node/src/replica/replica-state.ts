import { compareTokens, ZERO_TOKEN } from '@meridian/topology'
import type { ErrorCode, NodeId, OperationId, Token } from '@meridian/topology'
import { REPLICA_BOUNDS } from './bounds.ts'
import type { ReplicaBounds } from './bounds.ts'
import { LOG_START } from './lineage.ts'
import type { LogBase } from './lineage.ts'
import type { LogEntry, LogPosition, WriteItem } from './log-entry.ts'
import type { Members } from './members.ts'
import { ReplicaLog } from './replica-log.ts'
import type { Offer } from './offer.ts'
import type { Quarantined } from './quarantine.ts'
import type { FetchRequest, ReplicaRequest, ReplicaResponse, StateRequest } from './replica-message.ts'
import { RULES } from './rules.ts'
import type { Rules } from './rules.ts'
import type { SessionRecord } from './session-table.ts'
import { ShardState } from './shard-state.ts'
import type { Checkpoint, ItemOutcome, StatePiece } from './shard-state.ts'

/** What survives a crash. */
export interface DurableShard {
  readonly promised: Token
  /** At least what the checkpoint holds; may lag behind what was known to be committed. */
  readonly commitIndex: number
  readonly base: LogBase
  readonly entries: readonly LogEntry[]
  readonly checkpoint: Checkpoint
}

export const EMPTY_SHARD: DurableShard = {
  promised: ZERO_TOKEN,
  commitIndex: 0,
  base: LOG_START,
  entries: [],
  checkpoint: { appliedIndex: 0, values: [], sessions: [] },
}

/** One change of what survives; applied whole or not at all, in the order of tickets. */
export interface ShardWrite {
  readonly promised: Token
  readonly commitIndex: number
  /** Before anything else: what was staged under `id` becomes the state, and the log is empty above `base`. */
  readonly install: { readonly id: number; readonly base: LogBase } | undefined
  /** Kept until a person removes it. */
  readonly quarantine: readonly Quarantined[]
  /** Drop the entries from here on, then append. */
  readonly truncateFrom: number | undefined
  readonly append: readonly LogEntry[]
}

export interface Follower {
  readonly kind: 'follower'
}

/**
 * What a leader was named with. The members are decided with the token; the learners, which are fed and counted in
 * no quorum, may change under it.
 */
export interface Mandate {
  readonly token: Token
  readonly members: Members
  /** The transfer for whose sake nothing new is taken; decided with the token. */
  readonly freeze: OperationId | undefined
  learners: readonly NodeId[]
}

/** Named leader, collecting the promises of a write quorum and where their logs end. */
export interface Sealing extends Mandate {
  readonly kind: 'sealing'
  readonly votes: Map<NodeId, LogPosition>
  /** Own promise counts once this write is durable. */
  readonly selfTicket: number
  resendAtMs: number
}

/** Copying the best log of the sealed quorum. */
export interface Fetching extends Mandate {
  readonly kind: 'fetching'
  readonly source: NodeId
  readonly target: LogPosition
  /** Undefined while the source's state is being installed. */
  inFlight: FetchRequest | undefined
}

export interface Leading extends Mandate {
  readonly kind: 'leading'
  readonly barrierIndex: number
  /** The barrier is committed: everything below is decided. */
  serving: boolean
  readonly progress: Map<NodeId, Progress>
  /** In order of index. */
  writes: PendingWrite[]
  uncommittedBytes: number
  /** Reads waiting for the next round of confirmations. */
  reads: PendingRead[]
  round: ConfirmRound | undefined
  rounds: number
  /** Where the latest trim mark of this leader is in the log; one at a time. */
  markIndex: number
}

export type Role = Follower | Sealing | Fetching | Leading

/** What a leader knows of another replica. */
export interface Progress {
  /** The replica holds the leader's log up to here, durably. Only rises under one token. */
  match: number
  /** First entry of the next append. */
  next: number
  /** At most one append is under way; what is written meanwhile goes along in the next. */
  inFlight: ReplicaRequest | undefined
  pausedUntilMs: number
  commitSent: number
  /** Since when something has been asked and nothing answered. */
  silentSinceMs: number | undefined
  /** It fetches the state: entries are of no use to it now. */
  installing: boolean
}

export interface PendingWrite {
  readonly id: number
  readonly index: number
  readonly sinceMs: number
  /** One per item asked; those still undefined are decided, in order, by the entry. */
  readonly outcomes: (ItemOutcome | undefined)[]
}

export interface PendingRead {
  readonly id: number
  readonly sinceMs: number
}

export interface ConfirmRound {
  readonly number: number
  readonly reads: readonly PendingRead[]
  readonly confirmed: Set<NodeId>
  askedAtMs: number
}

/** A state that is being fetched from another replica, to replace this one's as a whole. */
export interface Incoming {
  /** Names what is staged of it on the disk. */
  readonly id: number
  readonly token: Token
  readonly source: NodeId
  /**
   * Where this log is known to differ from the source's although it is committed here; no append may be taken before
   * the state is here. 0: this log is only too short.
   */
  readonly differsAt: number
  /** Undefined until the first piece. */
  base: LogBase | undefined
  /** The next one. */
  part: number
  readonly values: StatePiece['values'][number][]
  readonly sessions: SessionRecord[]
  /** Entries that follow the state. */
  readonly tail: LogEntry[]
  inFlight: StateRequest | undefined
  resendAtMs: number
}

/** The replica of one shard at one node. Changed by `step` only. */
export interface ReplicaState {
  readonly self: NodeId
  readonly bounds: ReplicaBounds
  readonly rules: Rules
  /** Highest token adopted; may run ahead of the disk, but no reply leaves before the disk has it. Never falls (I13). */
  promised: Token
  /** A token at or below it cannot have been decided for this life of the node, so it is never led under. */
  readonly promisedAtStart: Token
  log: ReplicaLog
  /** Log entries up to here are durable at this node. */
  durableIndex: number
  /** Falls only when a state is installed under a higher generation; entries up to here are never truncated. */
  commitIndex: number
  /** The highest token whose leader's log was seen to agree with this one through all that is committed here. */
  agreed: Token | undefined
  shard: ShardState
  incoming: Incoming | undefined
  installs: number
  offer: Offer | undefined
  role: Role
  nextTicket: number
  /** Writes handed to the disk and not yet reported durable, with the log's end after each. */
  unpersisted: { readonly ticket: number; lastIndex: number }[]
}

export type ReplicaEvent =
  /** The newest record names this node leader, in this very life, or does not. */
  | ({ readonly kind: 'assign'; readonly leads: boolean } & Readonly<Mandate>)
  /** `from` is undefined where the question does not say. */
  | {
      readonly kind: 'request'
      readonly id: number
      readonly from: NodeId | undefined
      readonly request: ReplicaRequest
    }
  /** `request` is the very object that was sent: it tells an answer to the latest from a late one. */
  | {
      readonly kind: 'response'
      readonly from: NodeId
      readonly request: ReplicaRequest
      readonly response: ReplicaResponse
    }
  | { readonly kind: 'unanswered'; readonly from: NodeId; readonly request: ReplicaRequest }
  | { readonly kind: 'write'; readonly id: number; readonly session: string; readonly items: readonly WriteItem[] }
  | { readonly kind: 'read'; readonly id: number }
  | { readonly kind: 'persisted'; readonly ticket: number }
  | { readonly kind: 'tick' }

/** To be performed in order. */
export type Effect =
  /** Hand to the disk; report `persisted` with the ticket when it is durable. */
  | { readonly kind: 'persist'; readonly ticket: number; readonly write: ShardWrite }
  | { readonly kind: 'send'; readonly to: NodeId; readonly request: ReplicaRequest }
  /** `durable`: only once everything handed to the disk before is durable. */
  | { readonly kind: 'reply'; readonly id: number; readonly durable: boolean; readonly response: ReplicaResponse }
  | { readonly kind: 'acknowledge'; readonly id: number; readonly outcomes: readonly ItemOutcome[] }
  /** Never "failed": the write may be in a log that the next leader builds on. */
  | { readonly kind: 'unknown'; readonly id: number; readonly why: string }
  /** Surely without effect. */
  | { readonly kind: 'refuse'; readonly id: number; readonly code: ErrorCode; readonly why: string }
  /** Read the values now, from the applied state, and answer. */
  | { readonly kind: 'answer-read'; readonly id: number }
  /** A piece of a state, to be kept beside the present one under `id`; one of another id is to be forgotten. */
  | { readonly kind: 'stage'; readonly id: number; readonly piece: StatePiece }
  /** The log up to here need not be kept: checkpoint the state at or above it, then drop it from the disk. */
  | { readonly kind: 'trim'; readonly base: LogBase }
  | { readonly kind: 'role'; readonly from: string; readonly to: string; readonly token: Token; readonly why: string }

export function openReplica(
  self: NodeId,
  durable: DurableShard = EMPTY_SHARD,
  options: { readonly bounds?: ReplicaBounds; readonly rules?: Rules } = {},
): ReplicaState {
  const bounds = options.bounds ?? REPLICA_BOUNDS
  const log = new ReplicaLog(durable.base, durable.entries)
  const shard = new ShardState(bounds, durable.checkpoint)
  const commitIndex = Math.max(durable.commitIndex, shard.appliedIndex, log.base.index)
  if (commitIndex > log.lastIndex)
    throw new Error(`committed up to ${commitIndex}, but the log ends at ${log.lastIndex}`)
  if (compareTokens(log.last.token, durable.promised) > 0)
    throw new Error('I13: the log holds a token above the promise')
  while (shard.appliedIndex < commitIndex) {
    const entry = log.entryAt(shard.appliedIndex + 1)
    if (entry === undefined)
      throw new Error(`entry ${shard.appliedIndex + 1} is neither in the checkpoint nor in the log`)
    shard.apply(entry)
  }
  return {
    self,
    bounds,
    rules: options.rules ?? RULES,
    promised: durable.promised,
    promisedAtStart: durable.promised,
    log,
    durableIndex: log.lastIndex,
    commitIndex,
    agreed: undefined,
    shard,
    incoming: undefined,
    installs: 0,
    offer: undefined,
    role: { kind: 'follower' },
    nextTicket: 1,
    unpersisted: [],
  }
}
