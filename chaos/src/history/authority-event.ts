/**
 * Who may act, and on what grounds: leases, takeovers, elections and what controllers did. Written down by the process
 * that acted; elections by a witness of the store.
 *
 * `localMs`, `sentLocalMs` and `deadlineMs` are of the clock that the process itself counts on, which faults may bend;
 * `t` is of the recorder's clock, which none does. Counters are text.
 */
export type AuthorityEvent =
  | RegionLeaseRenewEvent
  | RegionLeaseAckEvent
  | RegionLeaseConfirmEvent
  | RegionLeaseCommitEvent
  | NodeLeaseRenewEvent
  | NodeLeaseAckEvent
  | TakeObserveEvent
  | TakeCommitEvent
  | SurrenderEvent
  | ElectEvent
  | StoreLedEvent
  | ControllerActEvent

/** An agent sent a renewal that would make the counter of its region's lease `counter`. */
export interface RegionLeaseRenewEvent {
  readonly kind: 'rl.renew'
  readonly region: string
  readonly term: string
  readonly counter: string
  /** The agent's clock before it sent. */
  readonly sentLocalMs: number
}

/** G acknowledged the renewal as committed. */
export interface RegionLeaseAckEvent {
  readonly kind: 'rl.ack'
  readonly region: string
  readonly term: string
  readonly counter: string
  readonly sentLocalMs: number
  readonly localMs: number
  /** L_R: the agent counts this from `sentLocalMs`. */
  readonly leaseMs: number
  /** Of the commit. */
  readonly rev: string
}

/** A node was told what is left of its region's lease, and for which of its ranges; `proc` is the node's. */
export interface RegionLeaseConfirmEvent {
  readonly kind: 'rl.confirm'
  readonly node: string
  readonly region: string
  /** The node's clock before it asked. */
  readonly sentLocalMs: number
  readonly localMs: number
  /** The node counts this from `sentLocalMs`. */
  readonly remainingMs: number
  readonly ranges: readonly RangeGenerationText[]
}

export interface RangeGenerationText {
  readonly range: number
  readonly gen: string
}

/** A region's lease record as a witness of G saw it written. */
export interface RegionLeaseCommitEvent {
  readonly kind: 'rl.commit'
  readonly inc: string
  readonly rev: string
  readonly region: string
  readonly term: string
  readonly counter: string
  readonly status: 'live' | 'silent' | 'barred'
}

export interface NodeLeaseRenewEvent {
  readonly kind: 'nl.renew'
  readonly node: string
  readonly nodeEpoch: string
  readonly counter: string
  readonly sentLocalMs: number
}

/** The region's store acknowledged the renewal as committed, and the controller granted `leaseMs`; 0 grants nothing. */
export interface NodeLeaseAckEvent {
  readonly kind: 'nl.ack'
  readonly node: string
  readonly nodeEpoch: string
  readonly counter: string
  readonly sentLocalMs: number
  readonly localMs: number
  /** L_N: the node counts this from `sentLocalMs`. */
  readonly leaseMs: number
}

/**
 * Whose authority is taken or given up: `region:eu` (its lease), `node:eu-n1` (its life), `range:7` (its owner) or
 * `shard:7.0` (its leader).
 */
export type Holding = `region:${string}` | `node:${string}` | `range:${string}` | `shard:${string}`

/** A taker read, linearizably, that the counter of `what` stands at `counter`. */
export interface TakeObserveEvent {
  readonly kind: 'take.observe'
  readonly who: string
  readonly what: Holding
  readonly counter: string
  readonly localMs: number
}

/** A taker's commit that ends the authority of whoever held `what`. */
export interface TakeCommitEvent {
  readonly kind: 'take.commit'
  readonly who: string
  readonly what: Holding
  /** What was taken away: the term of a region, the epoch of a node, the generation of a range, the token of a shard. */
  readonly under: string
  /** The counter that the transaction compared; empty if it went by a surrender. */
  readonly counter: string
  readonly localMs: number
  /** When it was sent, as `t`; absent: not known. */
  readonly sentAt?: number
  /** By order of people, against all silence or its absence. */
  readonly forced: boolean
  readonly approvals: readonly string[]
  readonly rev: string
}

/** The holder itself gave up, durably, what it held `under` that term, epoch, generation or token. */
export interface SurrenderEvent {
  readonly kind: 'surrender'
  readonly who: string
  readonly what: Holding
  readonly under: string
}

/** A candidate's key of a role appeared or went at this revision; of those that stand the lowest `elect` leads. */
export interface ElectEvent {
  readonly kind: 'elect'
  /** `g`, or a region. */
  readonly tier: string
  readonly inc: string
  readonly rev: string
  readonly role: string
  /** Create revision of the key. */
  readonly elect: string
  readonly phase: 'stood' | 'left'
}

/** A store has another leader from here on. */
export interface StoreLedEvent {
  readonly kind: 'store.led'
  readonly tier: string
  readonly term: string
  /** For how long nobody had led it, and it answered nobody; 0 when one leader made way for the other. */
  readonly awayMs: number
}

/** Something only the leader of a role does. */
export interface ControllerActEvent {
  readonly kind: 'ctl.act'
  /** Of the election: `g`, or a region. */
  readonly tier: string
  readonly role: string
  /** The election it was done under: create revision of the election key. */
  readonly elect: string
  readonly op: string
  readonly opSeq: string
  /** `commit` for a transaction; else what was done outside the store, such as `freeze` or `notify`. */
  readonly effect: string
  readonly target: string
  /** What came of it, in words that are equal when the outcome is; the outcome of a commit that took place is its
   * `rev`. */
  readonly result: string
  readonly outcome: 'accepted' | 'refused' | 'unknown'
  /** Of an accepted commit; else empty. */
  readonly inc: string
  readonly rev: string
}
