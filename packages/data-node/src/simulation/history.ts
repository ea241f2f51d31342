/**
 * What a run leaves behind for the checker. Plain values only, and no import from the core: a mistake shared with the
 * code under test could not be seen.
 */
export interface TokenValue {
  readonly generation: bigint
  readonly epoch: bigint
}

export interface HistoryItem {
  readonly sequence: bigint
  readonly key: string
  /** Unique over the run; undefined deletes. */
  readonly value: string | undefined
}

export interface HistoryEntry {
  readonly index: number
  readonly token: TokenValue
  readonly session: string
  readonly items: readonly HistoryItem[]
}

export interface WriteOperation {
  readonly kind: 'write'
  readonly session: string
  readonly items: readonly HistoryItem[]
  /** First attempt sent. */
  readonly invokedMs: number
  readonly returnedMs: number
  /** `fail`: every attempt was surely without effect. `info`: unknown. */
  readonly outcome: 'ok' | 'fail' | 'info'
  /** For `ok`: the token it was acknowledged under. */
  readonly under: TokenValue | undefined
  /** For `ok`. */
  readonly results: readonly { readonly sequence: bigint; readonly index: number; readonly duplicate: boolean }[]
}

export interface ReadOperation {
  readonly kind: 'read'
  readonly invokedMs: number
  readonly returnedMs: number
  readonly key: string
  readonly value: string | undefined
  readonly valueIndex: number
  readonly under: TokenValue
  /** Log position the read claims to have seen. */
  readonly readIndex: number
  /** Of the entry there. */
  readonly readToken: TokenValue
}

/** A read of any replica, which claims to lack nothing that was acknowledged before `asOfMs`. */
export interface StaleOperation {
  readonly kind: 'stale'
  readonly invokedMs: number
  readonly asOfMs: number
  readonly key: string
  readonly value: string | undefined
  readonly valueIndex: number
  readonly readIndex: number
  readonly readToken: TokenValue
}

export type Operation = WriteOperation | ReadOperation | StaleOperation

export type ReplicaRecord =
  /** A leader was named: quorums under the token are majorities of each of these sets. */
  | { readonly kind: 'named'; readonly token: TokenValue; readonly sets: readonly (readonly string[])[] }
  /** A region took the range over without a plan: what the former owner had more may be lost, and must be reported. */
  | { readonly kind: 'taken'; readonly generation: bigint }
  /** The disk's promise after a flush or at a start. */
  | { readonly kind: 'promised'; readonly node: string; readonly token: TokenValue }
  /** A reply left that says "I have promised this token". */
  | { readonly kind: 'sealed'; readonly node: string; readonly token: TokenValue }
  /** Entries of `token` were accepted by a replica whose disk held `promised` then. */
  | { readonly kind: 'accepted'; readonly node: string; readonly token: TokenValue; readonly promised: TokenValue }
  /** A leader acknowledged a write or answered a read. */
  | {
      readonly kind: 'served'
      readonly node: string
      readonly token: TokenValue
      readonly asked: TokenValue
      readonly life: number
    }
  /** `under`: the leader that committed it; undefined when it was committed before, or at a start. */
  | {
      readonly kind: 'applied'
      readonly node: string
      readonly entry: HistoryEntry
      readonly under: TokenValue | undefined
    }

/** An entry, or what is left of it, that a node reports as left behind by a higher generation. */
export interface QuarantineRow {
  readonly node: string
  readonly entry: HistoryEntry
  readonly committed: boolean
  readonly supersededBy: bigint
}

export interface FinalReplica {
  readonly node: string
  readonly appliedIndex: number
  /** Who wrote its log, from which index on. */
  readonly lineage: readonly { readonly token: TokenValue; readonly first: number }[]
  readonly values: readonly { readonly key: string; readonly value: string; readonly index: number }[]
}

export interface History {
  readonly records: readonly ReplicaRecord[]
  readonly operations: readonly Operation[]
  readonly final: readonly FinalReplica[]
  readonly quarantine: readonly QuarantineRow[]
}
