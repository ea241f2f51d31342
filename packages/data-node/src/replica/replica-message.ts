import type { ErrorCode, Token } from '@meridian/topology'
import type { LogBase } from './lineage.ts'
import type { LogEntry, LogPosition } from './log-entry.ts'
import type { StatePiece } from './shard-state.ts'

/** What replicas of one shard ask each other; the same as `ReplicaService` on the wire. */
export type ReplicaRequest = SealRequest | AppendRequest | FetchRequest | ConfirmRequest | StateRequest

export interface SealRequest {
  readonly kind: 'seal'
  readonly token: Token
}

export interface AppendRequest {
  readonly kind: 'append'
  readonly token: Token
  /** The entry right before `entries`. */
  readonly previous: LogPosition
  readonly entries: readonly LogEntry[]
  readonly commitIndex: number
  /** What would have to follow this replica's log is trimmed here: it is to ask for the state instead. */
  readonly install: boolean
}

export interface FetchRequest {
  readonly kind: 'fetch'
  readonly token: Token
  readonly fromIndex: number
  readonly bytesMax: number
}

export interface ConfirmRequest {
  readonly kind: 'confirm'
  readonly token: Token
  readonly round: number
}

/** One piece of the applied state of the replica asked, for one whose log cannot be brought to agree by entries. */
export interface StateRequest {
  readonly kind: 'state'
  readonly token: Token
  /** The state of which the pieces before were; undefined for any. */
  readonly at: LogPosition | undefined
  /** From 0. */
  readonly part: number
  /**
   * After the state, the entries that follow it up to here: where the logs are known to differ. 0: none. What the asker
   * holds below that point it may have been counted for, so it gets all of it before it lets anything go.
   */
  readonly through: number
  /** The last of those entries that has come. */
  readonly have: number
}

export type ReplicaResponse =
  | {
      readonly kind: 'seal'
      /** The token asked when sealed, else the higher one promised before. */
      readonly promised: Token
      readonly last: LogPosition
      readonly commitIndex: number
    }
  | {
      readonly kind: 'append'
      /** The token of the request when accepted or mismatched, else the higher one. */
      readonly promised: Token
      readonly matched: boolean
      /** Matched: where this log ends. Not: the last position at which it may agree with the leader's. */
      readonly last: LogPosition
      /** The state is being fetched, and entries are of no use until it is here. */
      readonly installing: boolean
    }
  /** `previous` is the entry right before them: there may be none, when all of the log is trimmed. */
  | { readonly kind: 'fetch'; readonly entries: readonly LogEntry[]; readonly previous: LogPosition }
  | { readonly kind: 'confirm'; readonly promised: Token }
  /** Of another state than asked for, or another part: that one is to be begun with. */
  | ({
      readonly kind: 'state'
      readonly base: LogBase
      readonly part: number
      readonly entries: readonly LogEntry[]
      readonly last: boolean
    } & StatePiece)
  | { readonly kind: 'refused'; readonly code: ErrorCode }
