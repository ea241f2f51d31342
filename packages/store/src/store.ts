import type { Revision } from '@meridian/topology'

/** Largest value of a record, bytes; etcd refuses requests over 1.5 MiB. */
export const VALUE_BYTES_MAX = 512 * 1024
/** Most operations in one branch of a transaction, etcd's own default. */
export const TXN_OPERATIONS_MAX = 128

/** One record as the store holds it. Keys are ASCII text, values bytes. */
export interface StoreRecord {
  readonly key: string
  readonly value: Uint8Array
  /** Revision of the write that created this key in its present life. */
  readonly createRevision: Revision
  /** Revision of the last write. */
  readonly modRevision: Revision
}

/**
 * - `linearizable`: sees every write acknowledged before the read began; costs a commit's round trip.
 * - `local`: answered by the nearest member from what it has applied; may be old, never wrong, never goes back on one
 *   member. Callers that switch members may see it go back.
 */
export type Consistency = 'linearizable' | 'local'

export interface ReadOptions {
  /** Default `linearizable`. */
  readonly consistency?: Consistency
  readonly signal?: AbortSignal
}

export interface ListOptions extends ReadOptions {
  /** Read the past at exactly this revision; throws COMPACTED when it is gone. */
  readonly revision?: Revision
}

export interface Listing {
  /** In key order. */
  readonly records: readonly StoreRecord[]
  /** The store's revision when the listing was made: watch from the next one on. */
  readonly revision: Revision
}

/** What must hold for a transaction to commit. A revision guard on an absent key compares with revision 0. */
export type Guard =
  | { readonly kind: 'mod-revision'; readonly key: string; readonly equals: Revision }
  | { readonly kind: 'create-revision'; readonly key: string; readonly equals: Revision }
  /** Byte by byte. Never holds on an absent key, whatever the bound: etcd refuses to compare what is not there. */
  | { readonly kind: 'value-below'; readonly key: string; readonly bound: Uint8Array }
  /** Never holds on an absent key, not even for the empty value; absence is `create-revision` equal to 0. */
  | { readonly kind: 'value-equals'; readonly key: string; readonly value: Uint8Array }

export type Operation =
  | { readonly kind: 'put'; readonly key: string; readonly value: Uint8Array; readonly lease?: LeaseId }
  | { readonly kind: 'delete'; readonly key: string }

export interface Txn {
  /** All must hold. Empty means always. */
  readonly guards: readonly Guard[]
  /** Applied together, or not at all. At most TXN_OPERATIONS_MAX, keys distinct. */
  readonly operations: readonly Operation[]
  /** Keys to read, in the same instant, when a guard failed: what the caller should look at before trying again. */
  readonly onRefusalRead?: readonly string[]
}

export type TxnOutcome =
  | { readonly committed: true; readonly revision: Revision }
  /** A guard failed; nothing was changed. `records` answers `onRefusalRead`, absent keys left out. */
  | { readonly committed: false; readonly revision: Revision; readonly records: readonly StoreRecord[] }

export interface RecordChange {
  readonly key: string
  /** Undefined: the key was deleted. */
  readonly value: Uint8Array | undefined
  readonly modRevision: Revision
}

export type WatchEvent =
  /** Every change under the watched prefixes that revision `revision` made, all at once, revisions rising. */
  | { readonly kind: 'changes'; readonly revision: Revision; readonly changes: readonly RecordChange[] }
  /**
   * Everything up to and including `revision` has been delivered. Comes when a watch is quiet, also repeatedly with the
   * same revision, as proof that the server still answers; how often is not promised.
   */
  | { readonly kind: 'progress'; readonly revision: Revision }
  /** History below `compactRevision` is gone and was not delivered: list again, then watch again. The watch ends. */
  | { readonly kind: 'compacted'; readonly compactRevision: Revision }

export interface WatchOptions {
  /** Deliver every change with this revision or a later one. */
  readonly fromRevision: Revision
  readonly prefixes: readonly string[]
  readonly signal: AbortSignal
  /** Told whenever the stream to the server is lost or regained; the watch itself goes on without losing anything. */
  readonly onConnection?: (state: 'connected' | 'lost', reason?: unknown) => void
}

/** A lease of the store: keys put with it vanish when it ends. Used for elections only. */
export type LeaseId = string & { readonly __brand: 'LeaseId' }

export interface StoreLease {
  readonly id: LeaseId
  /** What the server granted, ms; it may be more than was asked for. */
  readonly ttlMs: number
}

/** Identity of the cluster and of the member that answered. */
export interface StoreStatus {
  readonly leader: string | undefined
  readonly memberId: string
  readonly raftTerm: bigint
  /** Last log entry the member knows to be committed: how far it is behind another is the difference. */
  readonly raftIndex: bigint
  readonly revision: Revision
  readonly version: string
  readonly endpoint: string
}

/** One member, as its cluster lists it and as it says of itself. */
export interface StoreMember {
  readonly memberId: string
  /** What its operator called it; empty for one that never started. */
  readonly name: string
  /** It has no vote. */
  readonly learner: boolean
  /** Its own answer, just now; undefined: it gave none in time, or none of the endpoints known here is its. */
  readonly status: StoreStatus | undefined
}

/**
 * The metadata store of one tier: what etcd gives, and only what survives its faults.
 *
 * Errors are MeridianErrors: UNAVAILABLE (a read gave no answer, or a write surely had no effect), OUTCOME_UNKNOWN (a
 * write was sent and not answered: it may have had, or may yet have, its effect), COMPACTED. No method retries a write.
 * What breaks a limit is refused before it is sent (see `checkTxn`), and a put under a lease that has ended changes
 * nothing (INVALID_ARGUMENT). A caller's abort rejects with the signal's reason, except that a write already sent is
 * OUTCOME_UNKNOWN then too.
 */
export interface Store extends AsyncDisposable {
  get(key: string, options?: ReadOptions): Promise<StoreRecord | undefined>
  /** Every record under `prefix` at one revision, however many pages it takes. */
  list(prefix: string, options?: ListOptions): Promise<Listing>
  txn(txn: Txn, signal?: AbortSignal): Promise<TxnOutcome>
  /**
   * Changes from a revision on, in order, none skipped and none repeated, through any number of lost connections and
   * member changes. Ends after `compacted`, or when the signal aborts (normally, without throwing). Silence of a
   * member that lost its quorum is noticed and the watch moves on to another endpoint or waits.
   */
  watch(options: WatchOptions): AsyncIterable<WatchEvent>
  grantLease(ttlMs: number, signal?: AbortSignal): Promise<StoreLease>
  /**
   * Resolves with the TTL left from the server's point of view, ms; undefined when the lease is gone. Count it from
   * when the call was made, not from when it returned.
   */
  renewLease(id: LeaseId, signal?: AbortSignal): Promise<number | undefined>
  revokeLease(id: LeaseId, signal?: AbortSignal): Promise<void>
  status(signal?: AbortSignal): Promise<StoreStatus>
  /** All members, each asked for itself at once: takes as long as the slowest that answers, or a bounded wait. */
  members(signal?: AbortSignal): Promise<readonly StoreMember[]>
  /**
   * Has the leader hand over to `memberId`, a voter, and resolves when it leads; does nothing when it leads already.
   * Writes on their way meanwhile wait, or are OUTCOME_UNKNOWN. INVALID_ARGUMENT: it is no voter. UNAVAILABLE: no
   * leader was reached, and nothing was asked of any. OUTCOME_UNKNOWN: it may have become the leader, or may yet.
   */
  moveLeader(memberId: string, signal?: AbortSignal): Promise<void>
}
