import { backoffMs } from '@meridian/loop'
import { comparePositions, START_POSITION } from '@meridian/topology'
import type { Position } from '@meridian/topology'
import {
  FETCH_MS_MAX,
  HELD_MESSAGES_MAX,
  HOLD_MS,
  RESYNC_BACKOFF,
  SILENCE_MS,
  TAIL_MS,
  TRANSITIONS,
} from './follower-state.ts'
import type {
  Effect,
  Fetching,
  FollowerEvent,
  FollowerState,
  Following,
  Origin,
  ResyncReason,
  Waiting,
} from './follower-state.ts'
import { enqueue } from './update-queue.ts'
import type { QueuedUpdate } from './update-queue.ts'

export type Step = readonly [FollowerState, readonly Effect[]]
/** A step that leaves the kind of state as it is. */
type StepWithin<S extends FollowerState> = readonly [S, readonly Effect[]]
type Event<K extends FollowerEvent['kind']> = Extract<FollowerEvent, { kind: K }>

/**
 * The rule by which a follower's view is right whatever the bus does: SPEC.md has its invariants, this function is all
 * of it. Pure: the view is elsewhere and the effects say what becomes of it.
 */
export function step(state: FollowerState, event: FollowerEvent): Step {
  const result = dispatch(state, event)
  const [next] = result
  if (!TRANSITIONS[state.kind][event.kind].includes(next.kind)) {
    throw new Error(`F8: ${state.kind} went to ${next.kind} on ${event.kind}`)
  }
  return result
}

/** When the state wants its next tick; a tick before that changes nothing. */
export function nextDeadlineMs(state: FollowerState): number {
  switch (state.kind) {
    case 'waiting':
      return state.fetchAtMs
    case 'fetching':
      return state.beganMs + FETCH_MS_MAX
    case 'following':
      return Math.min(
        state.heardMs + SILENCE_MS,
        (state.tail?.sinceMs ?? Infinity) + TAIL_MS,
        ...state.held.map((queued) => queued.sinceMs + HOLD_MS),
      )
  }
}

function dispatch(state: FollowerState, event: FollowerEvent): Step {
  switch (state.kind) {
    case 'waiting':
      return whenWaiting(state, event)
    case 'fetching':
      return whenFetching(state, event)
    case 'following':
      return whenFollowing(state, event)
  }
}

function whenWaiting(state: Waiting, event: FollowerEvent): Step {
  switch (event.kind) {
    case 'subscribed':
      // Only the first fetch waits for the subscription; later ones wait for their backoff.
      return [state.attempt === 0 ? { ...state, fetchAtMs: event.nowMs } : state, []]
    case 'tick':
      return event.nowMs < state.fetchAtMs ? [state, []] : [fetching(state, event.nowMs), [{ kind: 'fetch' }]]
    case 'update':
      return updateMeanwhile(state, event)
    case 'beacon':
      return dispelled(beaconMeanwhile(state, event))
    case 'snapshot-arrived':
    case 'snapshot-failed':
    case 'resync-requested':
      return [state, []]
  }
}

function whenFetching(state: Fetching, event: FollowerEvent): Step {
  switch (event.kind) {
    case 'snapshot-arrived':
      return snapshotArrived(state, event)
    case 'snapshot-failed':
      return [waiting(state, event), []]
    case 'tick':
      if (event.nowMs < state.beganMs + FETCH_MS_MAX) return [state, []]
      return [waiting(state, event), [{ kind: 'abandon-fetch' }]]
    case 'update':
      return updateMeanwhile(state, event)
    case 'beacon':
      return beaconMeanwhile(state, event)
    case 'subscribed':
    case 'resync-requested':
      return [state, []]
  }
}

function whenFollowing(state: Following, event: FollowerEvent): Step {
  switch (event.kind) {
    case 'update':
      return update(state, event)
    case 'beacon':
      return beacon(state, event)
    case 'tick':
      return tick(state, event)
    case 'resync-requested':
      return resync(state, event, `requested: ${event.reason}`)
    case 'subscribed':
    case 'snapshot-arrived':
    case 'snapshot-failed':
      return [state, []]
  }
}

/** The table of the design: (i, r, p) at (I, R). */
function update(before: Following, event: Event<'update'>): Step {
  const { update, nowMs } = event
  const { position, previous } = update
  const here = before.position
  if (position.incarnation < here.incarnation) return [before, [{ kind: 'count', what: 'dropped' }]]
  const state = { ...before, heardMs: nowMs }
  const queued = { update, sinceMs: nowMs }
  if (position.incarnation > here.incarnation) {
    return resync({ ...state, held: enqueue(state.held, queued) }, event, 'incarnation')
  }
  if (position.revision <= here.revision) return [state, [{ kind: 'count', what: 'duplicates' }]]
  if (previous > here.revision) {
    const gap: Effect[] = state.held.length === 0 ? [{ kind: 'count', what: 'gaps' }] : []
    const held = enqueue(state.held, queued)
    if (held.length > HELD_MESSAGES_MAX) return resync({ ...state, held }, event, 'gap', gap)
    return [{ ...state, held }, [...gap, { kind: 'count', what: 'held' }]]
  }
  return settle({ ...state, held: enqueue(state.held, queued) }, event, [])
}

/** Applies what no longer has a gap before it and leaves the rest held. */
function settle(before: Following, event: FollowerEvent, effects: readonly Effect[]): Step {
  const { position, origin, queue: held, done, end } = follow(before.position, before.origin, before.held)
  const state = { ...before, position, origin, held }
  const all = [...effects, ...done]
  if (end !== 'gap') return resync(state, event, end, all)
  if (held.length > HELD_MESSAGES_MAX) return resync(state, event, 'gap', all)
  const reached = state.tail !== undefined && state.tail.revision <= position.revision
  return [reached ? { ...state, tail: undefined } : state, all]
}

/** What of `queue` follows on from a view at `here`. */
interface Followed {
  readonly position: Position
  readonly origin: Origin
  readonly queue: readonly QueuedUpdate[]
  readonly done: readonly Effect[]
  /** Why it went no further; `gap` also when there is no more. */
  readonly end: 'gap' | 'incarnation' | 'revision-forgotten'
}

/** Everything that reaches a view by an update does so here, so the chain rule (F4) stands in one place. */
function follow(at: Position, from: Origin, waiting: readonly QueuedUpdate[]): Followed {
  let [here, origin, queue] = [at, from, waiting]
  const done: Effect[] = []
  for (;;) {
    const followed = (end: Followed['end']): Followed => ({ position: here, origin, queue, done, end })
    const [first, ...rest] = queue
    if (first === undefined) return followed('gap')
    const { position, previous, changes } = first.update
    if (position.incarnation > here.incarnation) return followed('incarnation')
    if (position.incarnation < here.incarnation) done.push({ kind: 'count', what: 'dropped' })
    else if (position.revision <= here.revision) done.push({ kind: 'count', what: 'duplicates' })
    else if (previous > here.revision) return followed('gap')
    else if (previous < here.revision && origin === 'update') {
      done.push({ kind: 'alarm', reason: 'revision-forgotten', at: here })
      return followed('revision-forgotten')
    } else {
      done.push({ kind: 'apply', position, changes })
      ;[here, origin] = [position, 'update']
    }
    queue = rest
  }
}

function beacon(before: Following, event: Event<'beacon'>): Step {
  const { position, digest } = event.beacon
  const here = before.position
  if (position.incarnation < here.incarnation) return [before, [{ kind: 'count', what: 'dropped' }]]
  const state = heard(before, event)
  if (position.incarnation > here.incarnation) return resync(state, event, 'incarnation')
  const equal = digest === event.digestHere
  if (position.revision < here.revision) return [{ ...state, ...proof(before, event) }, []]
  if (position.revision === here.revision) {
    if (equal) return [{ ...state, ...proof(before, event), attempt: 0 }, []]
    return resync(state, event, 'digest-mismatch', [
      { kind: 'alarm', reason: 'digest-mismatch', at: here },
      { kind: 'discard' },
    ])
  }
  if (equal) {
    // Our records are those of the later revision too. So a publisher that begins at a snapshot which changed nothing
    // published, as each new one does, does not send all followers to the snapshot source.
    const ahead: Following = { ...state, ...proof(before, event), attempt: 0, position, origin: 'beacon' }
    return settle(ahead, event, [{ kind: 'advance', position }])
  }
  return [{ ...state, tail: state.tail ?? { revision: position.revision, sinceMs: event.nowMs } }, []]
}

function tick(state: Following, event: Event<'tick'>): Step {
  const { nowMs } = event
  if (state.held.some((queued) => nowMs >= queued.sinceMs + HOLD_MS)) return resync(state, event, 'gap')
  if (state.tail !== undefined && nowMs >= state.tail.sinceMs + TAIL_MS) return resync(state, event, 'lost-tail')
  if (nowMs >= state.heardMs + SILENCE_MS) return resync(state, event, 'silence')
  return [state, []]
}

function snapshotArrived(state: Fetching, event: Event<'snapshot-arrived'>): Step {
  const { snapshot, nowMs } = event
  const at = snapshot.position
  if (!event.intact) return [waiting(state, event), [{ kind: 'alarm', reason: 'snapshot-corrupt', at }]]
  if (comparePositions(at, state.floor) < 0) return overtaken(state, event)
  const same = comparePositions(at, state.position) === 0
  const equal = snapshot.digest === event.digestHere
  const confirmed = same && equal
  const effects: Effect[] = [confirmed ? { kind: 'confirm' } : { kind: 'reset', snapshot }]
  // Two maps at one position: one of them is wrong, and we cannot say which. At START we have none yet.
  if (same && !equal && comparePositions(at, START_POSITION) !== 0) {
    effects.unshift({ kind: 'alarm', reason: 'snapshot-differs', at })
  }
  const following: Following = {
    kind: 'following',
    position: at,
    origin: 'snapshot',
    held: state.queue,
    tail: undefined,
    heardMs: nowMs,
    provenMs: Math.max(state.provenMs, state.beganMs),
    // A snapshot renews everything we believe, also a stamp that a broken publisher set too far ahead.
    stamp: '',
    attempt: confirmed ? 0 : state.attempt,
  }
  return settle(following, event, effects)
}

/**
 * While a resync is due or under way, what follows on from the view reaches it all the same: to doubt a view is no reason
 * to keep from it what is known to be next.
 */
function updateMeanwhile<S extends Waiting | Fetching>(before: S, event: Event<'update'>): StepWithin<S> {
  const { update, nowMs } = event
  if (comparePositions(update.position, before.floor) <= 0) return [before, [{ kind: 'count', what: 'duplicates' }]]
  const queue = enqueue(before.queue, { update, sinceMs: nowMs })
  return settleMeanwhile(revived(before, { ...before, heardMs: nowMs, queue }, event), [])
}

function settleMeanwhile<S extends Waiting | Fetching>(state: S, effects: readonly Effect[]): StepWithin<S> {
  if (state.origin === undefined) return [state, effects]
  const { position, origin, queue, done, end } = follow(state.position, state.origin, state.queue)
  return [
    { ...state, position, floor: position, queue, origin: end === 'gap' ? origin : undefined },
    [...effects, ...done],
  ]
}

function beaconMeanwhile<S extends Waiting | Fetching>(before: S, event: Event<'beacon'>): StepWithin<S> {
  const { position, digest } = event.beacon
  const here = before.position
  if (position.incarnation < here.incarnation) return [before, [{ kind: 'count', what: 'dropped' }]]
  const state = revived(before, heard(before, event), event)
  if (state.origin === undefined || position.incarnation > here.incarnation) return [state, []]
  if (position.revision < here.revision) return [{ ...state, ...proof(before, event) }, []]
  if (digest === event.digestHere) {
    const confirmed = { ...state, ...proof(before, event), attempt: 0 }
    if (position.revision === here.revision) return [confirmed, []]
    return settleMeanwhile({ ...confirmed, position, floor: position, origin: 'beacon' }, [
      { kind: 'advance', position },
    ])
  }
  if (position.revision > here.revision) return [state, []]
  return [
    { ...state, position: START_POSITION, origin: undefined },
    [{ kind: 'alarm', reason: 'digest-mismatch', at: here }, { kind: 'discard' }],
  ]
}

/** Back to following when the view was shown to be complete since it was doubted. */
function dispelled([state, effects]: StepWithin<Waiting>): Step {
  const { floor: _, queue, doubted, fetchAtMs: __, origin, ...common } = state
  if (origin === undefined || queue.length > 0 || state.provenMs < doubted.sinceMs) return [state, effects]
  return [{ ...common, kind: 'following', origin, held: [], tail: undefined }, effects]
}

/** The bus speaks again after a silence: what kept snapshots from coming may be over too, so the backoff starts over. */
function revived<S extends Waiting | Fetching>(before: S, state: S, event: FollowerEvent): S {
  if (state.heardMs - before.heardMs < SILENCE_MS) return state
  if (state.kind === 'fetching') return { ...state, attempt: 0 }
  const soonMs = event.nowMs + backoffMs(RESYNC_BACKOFF, 0, () => event.random)
  return { ...state, attempt: 0, fetchAtMs: Math.min(state.fetchAtMs, soonMs) }
}

/** A beacon ends silence only as far as its publisher knows that it sees everything: one cut off from its store does not. */
function heard<S extends FollowerState>(state: S, { beacon, nowMs }: Event<'beacon'>): S {
  const stamp = beacon.stamp > state.stamp ? beacon.stamp : state.stamp
  return { ...state, stamp, heardMs: Math.max(state.heardMs, nowMs - beacon.lagMs) }
}

/** Holds only for the state before the beacon was noted: a repeated beacon says nothing of now. */
function proof(before: FollowerState, { beacon, nowMs }: Event<'beacon'>): Pick<Following, 'provenMs'> {
  const news = beacon.stamp > before.stamp
  return { provenMs: news ? Math.max(before.provenMs, nowMs - beacon.lagMs) : before.provenMs }
}

/**
 * A snapshot of what the view has left behind. If the view has gone on from where it was doubted, step by step, and the
 * snapshot is not of before that, it holds all that the snapshot does.
 */
function overtaken(state: Fetching, event: Event<'snapshot-arrived'>): Step {
  const { floor: _, queue, doubted, beganMs, origin, ...common } = state
  const holds = origin !== undefined && queue.length === 0
  if (!holds || comparePositions(event.snapshot.position, doubted.position) < 0) return [waiting(state, event), []]
  const provenMs = Math.max(state.provenMs, beganMs)
  return [{ ...common, kind: 'following', origin, held: [], tail: undefined, provenMs }, []]
}

function resync(state: Following, event: FollowerEvent, reason: ResyncReason, before: readonly Effect[] = []): Step {
  const { origin, held, tail: _, ...common } = state
  const discarded = before.some((effect) => effect.kind === 'discard')
  const next: Waiting = {
    ...common,
    kind: 'waiting',
    position: discarded ? START_POSITION : state.position,
    floor: state.position,
    origin: UNFIT.includes(reason) ? undefined : origin,
    queue: held,
    doubted: { position: state.position, sinceMs: event.nowMs },
    fetchAtMs: event.nowMs + backoffMs(RESYNC_BACKOFF, state.attempt, () => event.random),
    // A poll in a silence is no sign that the last resync did not help.
    attempt: reason === 'silence' ? state.attempt : state.attempt + 1,
  }
  return [next, [...before, { kind: 'resync', reason }]]
}

/** Why a view is not one to build on. */
const UNFIT: readonly ResyncReason[] = ['incarnation', 'revision-forgotten', 'digest-mismatch']

function waiting(state: Fetching, event: FollowerEvent): Waiting {
  const { kind: _, beganMs: __, ...rest } = state
  const fetchAtMs = event.nowMs + backoffMs(RESYNC_BACKOFF, state.attempt, () => event.random)
  return { ...rest, kind: 'waiting', fetchAtMs, attempt: state.attempt + 1 }
}

function fetching(state: Waiting, nowMs: number): Fetching {
  const { kind: _, fetchAtMs: __, ...rest } = state
  return { ...rest, kind: 'fetching', beganMs: nowMs }
}
