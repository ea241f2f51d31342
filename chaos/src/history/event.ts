import type { AuthorityEvent } from './authority-event.ts'
import type { ClockEvent } from './clock-event.ts'
import type { FeedEvent } from './feed-event.ts'
import type { MoveEvent } from './move-event.ts'
import type { RequestEvent } from './request-event.ts'
import type { RunEvent } from './run-event.ts'
import type { ShardEvent } from './shard-event.ts'
import type { StoreEvent } from './store-event.ts'

/**
 * What the recorder writes, one JSON object per line. Counters are text, because JSON has no 64-bit integers: tokens as
 * `g41.e3`, indexes in decimal. Values are marks (see `valueMark`), equal when the values are.
 *
 * `t` is nanoseconds of the host's monotonic clock when the recorder was told, which for an answer is after it came;
 * `t0` is the same clock before the request left. All processes of one machine share that clock, so of two operations
 * one of which ended (`t`) before the other began (`t0`), the order is known.
 */
export type HistoryEvent = Stamp & HistoryEntry

/** What callers give; the recorder adds the stamp. */
export type HistoryEntry =
  | WriteEvent
  | AttemptEvent
  | RefusedEvent
  | ResendEvent
  | ProbeEvent
  | FollowEvent
  | CountEvent
  | SampleEvent
  | LeaderEvent
  | ServedEvent
  | RowEvent
  | ScanEvent
  | CommitEvent
  | CanaryEvent
  | CalibrationEvent
  | ActEvent
  | FaultEvent
  | StoreEvent
  | AuthorityEvent
  | RequestEvent
  | ShardEvent
  | MoveEvent
  | FeedEvent
  | ClockEvent
  | RunEvent

export interface Stamp {
  readonly t: number
  /** Which process recorded; `pinc` counts its lives. */
  readonly proc: string
  readonly pinc: number
  /** Per life of a process, from 1 and without gaps: a missing number makes a history void. */
  readonly seq: number
  /** Which act was being played. */
  readonly act: string
}

/** The end of one write as its client knows it; `unknown` may have had its effect, `failed` surely had none. */
export interface WriteEvent {
  readonly kind: 'write'
  readonly client: string
  readonly t0: number
  readonly keyspace: string
  readonly key: string
  readonly value: string
  readonly status: 'ok' | 'failed' | 'unknown'
  /** Empty when the write never had a route, so was never sent. */
  readonly session: string
  readonly sequence: string
  /** These three are of the answer: empty unless `ok`. */
  readonly shard: string
  readonly index: string
  readonly token: string
  /** The answer came from the table of duplicates: an earlier attempt had been applied. */
  readonly duplicate: boolean
  /** Empty when `ok`. */
  readonly code: string
}

/** A request left for a node. */
export interface AttemptEvent {
  readonly kind: 'attempt'
  readonly client: string
  readonly operation: string
  readonly shard: string
  readonly node: string
  readonly token: string
}

/** A request was refused or not answered. */
export interface RefusedEvent {
  readonly kind: 'refused'
  readonly client: string
  readonly operation: string
  readonly shard: string
  readonly node: string
  readonly token: string
  readonly code: string
  /** The refusal carried a newer record and the client's map took it. */
  readonly adopted: boolean
}

/** An acknowledged write sent once more under its own identity, after a failover. */
export interface ResendEvent {
  readonly kind: 'resend'
  readonly shard: string
  readonly session: string
  readonly sequence: string
  readonly index: string
  readonly duplicate: boolean
}

/** A request sent straight to a node that was deposed, under the token it was deposed from. */
export interface ProbeEvent {
  readonly kind: 'probe'
  readonly node: string
  readonly shard: string
  readonly token: string
  readonly operation: 'write' | 'read-quorum' | 'read-lease'
  /** Of a write: what it tried to store, so that the final state can be searched for it. Else empty. */
  readonly key: string
  readonly value: string
  /** `answered`: the node did what was asked. `refused`: surely no effect. `unknown`: no definite answer. */
  readonly outcome: 'answered' | 'refused' | 'unknown'
  /** Empty when answered. */
  readonly code: string
}

/** One write of a client whose map had stopped following, and all it took. */
export interface FollowEvent {
  readonly kind: 'follow'
  readonly client: string
  readonly shard: string
  /** Token of the client's map before the write. */
  readonly stale: string
  /** Token that the write was acknowledged under; empty when it was not. */
  readonly served: string
  readonly attempts: number
  readonly refusals: number
  readonly adoptions: number
  /** Snapshots the client began to fetch, of any stream. */
  readonly resyncs: number
  /** Bytes it exchanged with any region server. */
  readonly controlBytes: number
}

export interface CountEvent {
  readonly kind: 'count'
  readonly country: string
  readonly expected: number
  readonly counted: number
}

export interface SampleEvent {
  readonly kind: 'sample'
  readonly key: string
  readonly expected: string
  /** Empty: the key was not there. */
  readonly found: string
}

/** A shard's leader, just before a fault takes it away. */
export interface LeaderEvent {
  readonly kind: 'leader'
  readonly shard: string
  readonly node: string
  readonly token: string
}

/** The first write acknowledged for a shard after a fault took its leader away. */
export interface ServedEvent {
  readonly kind: 'served'
  readonly shard: string
  readonly token: string
  /** From the fault to the acknowledgement. */
  readonly afterMs: number
}

/** One row of the final state, read from the leaders by quorum when everything had ended. */
export interface RowEvent {
  readonly kind: 'row'
  readonly keyspace: string
  readonly key: string
  readonly value: string
  readonly index: string
}

/** The final state of a keyspace has been read to its end: only then does a row that is missing mean something. */
export interface ScanEvent {
  readonly kind: 'scan'
  readonly keyspace: string
  readonly rows: number
}

/** One cell of the latency tax. */
export interface CommitEvent {
  readonly kind: 'commit'
  readonly client: string
  readonly leader: string
  readonly floorMs: number
  readonly operationP50Ms: number
  readonly rawP50Ms: number
  readonly samples: number
}

export interface CanaryEvent {
  readonly kind: 'canary'
  readonly pair: string
  readonly ok: boolean
  readonly leaks: number
  readonly healed: boolean
}

export interface CalibrationEvent {
  readonly kind: 'calibration'
  readonly source: string
  readonly target: string
  readonly nominalMs: number
  readonly measuredMs: number
  readonly withinBound: boolean
}

export interface ActEvent {
  readonly kind: 'act'
  readonly name: string
  readonly phase: 'begin' | 'end' | 'failed'
}

export interface FaultEvent {
  readonly kind: 'fault'
  readonly fault: 'kill' | 'pause' | 'resume' | 'restart' | 'deaf' | 'hand-over'
  readonly target: string
}

/** Events of one kind. */
export type EventOf<K extends HistoryEntry['kind']> = Stamp & Extract<HistoryEntry, { kind: K }>

export type EventKind = HistoryEntry['kind']

export function eventsOf<K extends EventKind>(history: readonly HistoryEvent[], kind: K): EventOf<K>[] {
  // Narrowed by the very field that tells the kinds apart; the compiler does not see it through the intersection.
  return history.filter((event) => event.kind === kind) as EventOf<K>[]
}
