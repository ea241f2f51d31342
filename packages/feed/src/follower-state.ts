import { START_POSITION } from '@meridian/topology'
import type { Position, Revision } from '@meridian/topology'
import type { FeedBeacon, FeedUpdate } from './feed-message.ts'
import type { RecordChange, Snapshot } from './snapshot.ts'
import type { QueuedUpdate } from './update-queue.ts'

/** Updates held for a missing one before it counts as lost. */
export const HELD_MESSAGES_MAX = 64
/** How long an update is held for a missing one, ms. */
export const HOLD_MS = 100
/** How long a beacon may be ahead of us before its last update counts as lost, ms. */
export const TAIL_MS = 300
/** How long the bus may say nothing of this stream before we ask the snapshot source instead, ms. */
export const SILENCE_MS = 3_000
/** How long the first fetch waits for the subscription, ms; without it the beacon rule finds what fell between. */
export const SUBSCRIBE_WAIT_MS = 1_000
/** A fetch that takes longer is given up, ms. Generous: a whole region's map over a thin uplink. */
export const FETCH_MS_MAX = 30_000
/**
 * Before each fetch but the first, so that one lost message does not bring all followers to one server at once. The longest
 * is what a follower may lose after its source works again, which the bus does not tell.
 */
export const RESYNC_BACKOFF = { delayMsMin: 200, delayMsMax: 2_000 } as const

interface Common {
  /** Position of the view. */
  readonly position: Position
  /** When the bus last showed that its publisher lives and sees its store, less the lag it admitted. */
  readonly heardMs: number
  /** The view held everything that was committed by then; -Infinity before the first proof. */
  readonly provenMs: number
  /** The newest beacon stamp seen; a beacon not above it is a repeat and proves nothing. */
  readonly stamp: string
  /** Resyncs begun since a beacon last confirmed the view; sets the backoff. */
  readonly attempt: number
}

/**
 * How `position` is known. After an update, an update that skips it shows a publisher that forgot it; a snapshot's or
 * beacon's revision need not be one that was published, so to skip it is right.
 */
export type Origin = 'update' | 'snapshot' | 'beacon'

interface Resyncing extends Common {
  /** No snapshot before this is accepted (F3). Above `position` only after a discard, which empties the view. */
  readonly floor: Position
  /** Undefined: nothing may be built on the view any more. Its history is over, its chain not true, or it is empty. */
  readonly origin: Origin | undefined
  /** What does not follow on from the view. */
  readonly queue: readonly QueuedUpdate[]
  /** Where the view was and when, as the resync began. */
  readonly doubted: { readonly position: Position; readonly sinceMs: number }
}

/** A resync is due: the fetch begins at `fetchAtMs`. */
export interface Waiting extends Resyncing {
  readonly kind: 'waiting'
  readonly fetchAtMs: number
}

/** The one fetch in flight (F5). */
export interface Fetching extends Resyncing {
  readonly kind: 'fetching'
  readonly beganMs: number
}

export interface Following extends Common {
  readonly kind: 'following'
  readonly origin: Origin
  /** Behind a gap: each has `previous` above our revision. At most HELD_MESSAGES_MAX. */
  readonly held: readonly QueuedUpdate[]
  /** A beacon told of a revision that we have not reached. */
  readonly tail: { readonly revision: Revision; readonly sinceMs: number } | undefined
}

export type FollowerState = Waiting | Fetching | Following
export type StateKind = FollowerState['kind']

export type EventBody =
  | { readonly kind: 'subscribed' }
  | { readonly kind: 'update'; readonly update: FeedUpdate }
  /** `digestHere`: of the view as it is now. */
  | { readonly kind: 'beacon'; readonly beacon: FeedBeacon; readonly digestHere: string }
  /** `intact`: its digest is that of its records. */
  | {
      readonly kind: 'snapshot-arrived'
      readonly snapshot: Snapshot
      readonly intact: boolean
      readonly digestHere: string
    }
  | { readonly kind: 'snapshot-failed' }
  | { readonly kind: 'resync-requested'; readonly reason: string }
  | { readonly kind: 'tick' }

/** `nowMs` never falls from event to event; `random` is uniform in [0, 1). */
export type FollowerEvent = EventBody & { readonly nowMs: number; readonly random: number }
export type EventKind = FollowerEvent['kind']

export type ResyncReason =
  | 'incarnation'
  | 'gap'
  | 'lost-tail'
  | 'silence'
  | 'revision-forgotten'
  | 'digest-mismatch'
  | `requested: ${string}`

export type AlarmReason = 'revision-forgotten' | 'digest-mismatch' | 'snapshot-corrupt' | 'snapshot-differs'

/** Performed in order, at once, before the next event. */
export type Effect =
  | { readonly kind: 'apply'; readonly position: Position; readonly changes: readonly RecordChange[] }
  /** A beacon showed that our records are also those of this later position. */
  | { readonly kind: 'advance'; readonly position: Position }
  | { readonly kind: 'reset'; readonly snapshot: Snapshot }
  /** The snapshot is what we hold already. */
  | { readonly kind: 'confirm' }
  /** Empty the view, back to START_POSITION: what it holds is wrong. */
  | { readonly kind: 'discard' }
  | { readonly kind: 'fetch' }
  /** The fetch in flight is too old; whatever it still brings is to be ignored. */
  | { readonly kind: 'abandon-fetch' }
  | { readonly kind: 'resync'; readonly reason: ResyncReason }
  | { readonly kind: 'alarm'; readonly reason: AlarmReason; readonly at: Position }
  | { readonly kind: 'count'; readonly what: 'duplicates' | 'gaps' | 'held' | 'dropped' }

export function initialState(nowMs: number): FollowerState {
  return {
    kind: 'waiting',
    position: START_POSITION,
    floor: START_POSITION,
    origin: undefined,
    queue: [],
    doubted: { position: START_POSITION, sinceMs: nowMs },
    fetchAtMs: nowMs + SUBSCRIBE_WAIT_MS,
    heardMs: nowMs,
    provenMs: -Infinity,
    stamp: '',
    attempt: 0,
  }
}

/** Every state an event may lead to; `step` asserts it. What is not listed is a bug. */
export const TRANSITIONS: { readonly [S in StateKind]: { readonly [E in EventKind]: readonly StateKind[] } } = {
  waiting: {
    subscribed: ['waiting'],
    update: ['waiting'],
    beacon: ['waiting', 'following'],
    'snapshot-arrived': ['waiting'],
    'snapshot-failed': ['waiting'],
    'resync-requested': ['waiting'],
    tick: ['waiting', 'fetching'],
  },
  fetching: {
    subscribed: ['fetching'],
    update: ['fetching'],
    beacon: ['fetching'],
    'snapshot-arrived': ['following', 'waiting'],
    'snapshot-failed': ['waiting'],
    'resync-requested': ['fetching'],
    tick: ['fetching', 'waiting'],
  },
  following: {
    subscribed: ['following'],
    update: ['following', 'waiting'],
    beacon: ['following', 'waiting'],
    'snapshot-arrived': ['following'],
    'snapshot-failed': ['following'],
    'resync-requested': ['waiting'],
    tick: ['following', 'waiting'],
  },
}
