import type { ErrorCode, Token } from '@meridian/topology'
import type { LogEntry, LogPosition } from './log-entry.ts'

/** What replicas of one shard ask each other; the same as `ReplicaService` on the wire. */
export type ReplicaRequest = SealRequest | AppendRequest | FetchRequest | ConfirmRequest

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
      /** Matched: how far this replica now agrees with the leader. Not: where to try next, plus one. */
      readonly lastIndex: number
    }
  | { readonly kind: 'fetch'; readonly entries: readonly LogEntry[]; readonly previousToken: Token }
  | { readonly kind: 'confirm'; readonly promised: Token }
  | { readonly kind: 'refused'; readonly code: ErrorCode }
