/**
 * What a witness of a store saw committed. A witness reads the store's own watch on a connection of its own, so none of
 * this is a writer's word. Counters are text, keys as `formatKey` prints them, stamps as stored.
 *
 * `t` of these events is when the witness was told, which may be long after the commit: order inside a tier is that of
 * (`inc`, `rev`), and between tiers these events have none.
 */
export type StoreEvent =
  | WitnessPhaseEvent
  | StorePutEvent
  | StoreRowEvent
  | UndecodedEvent
  | GCommitEvent
  | ECommitEvent

/** The tier of G; every other tier is named after its region. */
export const GLOBAL_TIER = 'g'

/** A witness lives from `began` to `ended`; one that was `lost` saw less than there was, and ends too. */
export interface WitnessPhaseEvent {
  readonly kind: 'witness'
  /** Unique over the run; two witnesses of one tier have different names. */
  readonly witness: string
  readonly tier: string
  /** Whether this one tells commits too, and not only which keys changed; one of each tier does. */
  readonly decodes: boolean
  readonly phase: 'began' | 'lost' | 'ended'
  /** Of `ended`: the revision of the final dump, all of which up to there was seen. Else empty. */
  readonly rev: string
  /** Of `ended`: rows of the final dump. */
  readonly rows: number
  /** Of `lost`. */
  readonly why: string
}

/** One key changed at one revision; keys that order nothing (renewals of nodes) are left out. */
export interface StorePutEvent {
  readonly kind: 'put'
  readonly witness: string
  readonly tier: string
  readonly inc: string
  readonly rev: string
  readonly key: string
  /** A mark (see `valueMark`); empty: the key was deleted. */
  readonly value: string
}

/** One key of the final dump, which is read by quorum and not through the watch. */
export interface StoreRowEvent {
  readonly kind: 'store-row'
  readonly witness: string
  readonly tier: string
  /** Of the key's last write. */
  readonly rev: string
  readonly key: string
  readonly value: string
}

/** A stored record that no codec reads: corruption, or a bug. */
export interface UndecodedEvent {
  readonly kind: 'undecoded'
  readonly witness: string
  readonly tier: string
  readonly rev: string
  readonly key: string
  readonly why: string
}

/** A range record was written in G, or removed (`gone`: the other fields are those of the record that was there). */
export interface GCommitEvent {
  readonly kind: 'g.commit'
  readonly inc: string
  readonly rev: string
  readonly range: number
  readonly keyspace: string
  readonly start: string
  readonly end: string
  readonly owner: string
  readonly gen: string
  /** `moving` and `frozen`: a planned transfer is under way; owner and generation are what they were. */
  readonly status: 'vacant' | 'active' | 'moving' | 'frozen' | 'gone'
  /** Empty when gone: a removal does not name its operation. */
  readonly op: string
  /** The record's own; of a removal the tier's at that revision, empty if it wrote none. */
  readonly stamp: string
  /** Step within `op`; absent where records do not say. */
  readonly opSeq?: string
  /** The election, and its role, that the commit was made under; absent where records do not say. */
  readonly elect?: string
  readonly role?: string
  /** In order of preference; absent: not told. */
  readonly standbys?: readonly string[]
  /** Absent: auto. */
  readonly failover?: 'auto' | 'manual'
}

/** A shard of a page changed in a region's tier, or left the page (`gone`, likewise). */
export interface ECommitEvent {
  readonly kind: 'e.commit'
  readonly region: string
  readonly inc: string
  readonly rev: string
  readonly shard: string
  readonly range: number
  readonly gen: string
  readonly epoch: string
  /** Empty when leaderless. */
  readonly leader: string
  readonly leaderNodeEpoch: string
  readonly replicas: readonly string[]
  readonly status: 'assigned' | 'leaderless' | 'gone'
  /** What the tier's stamp became at that revision; empty if it was not written. */
  readonly stamp: string
  /**
   * Of the page. `standby`: followers in a region that does not own the range, under the owner's generation; names no
   * leader and claims nothing. Absent: `owner`.
   */
  readonly page?: 'owner' | 'standby'
  /** The page is frozen by this operation, as of a revision of G; absent: it is not. */
  readonly freeze?: { readonly op: string; readonly rev: string }
  readonly op?: string
  readonly opSeq?: string
  /** As in `GCommitEvent`. */
  readonly elect?: string
  readonly role?: string
}
