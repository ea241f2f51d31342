import { LoopScope } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import { comparePositions, isMeridianError, MeridianError } from '@meridian/topology'
import type { Position, StreamId } from '@meridian/topology'
import type { FeedBus } from './bus.ts'
import { decodeFeedMessage } from './feed-message.ts'
import type { FeedMessage } from './feed-message.ts'
import { nextDeadlineMs, step } from './follower-core.ts'
import { initialState } from './follower-state.ts'
import type { Effect, EventBody, FollowerState } from './follower-state.ts'
import type { RecordChange, Snapshot, SnapshotSource } from './snapshot.ts'
import { StreamView } from './stream-view.ts'
import type { ReadonlyStreamView } from './stream-view.ts'
import { feedSubject } from './subject.ts'

export interface StreamFollowerOptions {
  readonly stream: StreamId
  /** Not owned: stays open when the follower closes. */
  readonly bus: FeedBus
  readonly source: SnapshotSource
  readonly clock: Clock
  readonly log: Logger
  /** Uniform in [0, 1). */
  readonly random: () => number
  /** The view has just risen to `position`; `changes` is empty when only the position rose. */
  readonly onApplied?: (changes: readonly RecordChange[], position: Position) => void
  /** The view was replaced: read all of it anew. */
  readonly onResync?: (position: Position) => void
  /** The view turned out wrong and is empty until the next `onResync`; what was derived from it is suspect. */
  readonly onDiscard?: () => void
}

export interface FollowerCounters {
  /** Updates that reached the view. */
  applied: number
  duplicates: number
  /** Times that an update came without the one before it. */
  gaps: number
  /** Resyncs begun; the first snapshot does not count. */
  resyncs: number
  /** Times that what the feed says cannot be: a bug or corruption somewhere. */
  alarms: number
  /** Updates that waited for an earlier one. */
  held: number
  /** Messages of an older incarnation, and bytes that are no message. */
  dropped: number
}

/**
 * Keeps a view of one stream right over a bus that may lose, repeat, delay and reorder. Which messages count is decided
 * by `step`; this shell subscribes, fetches, keeps time and holds the view. Callbacks run between two messages and must
 * not throw.
 *
 * NOT promised: that the view is recent. `ageMs` says what is known of that.
 */
export class StreamFollower implements AsyncDisposable {
  readonly counters: FollowerCounters = {
    applied: 0,
    duplicates: 0,
    gaps: 0,
    resyncs: 0,
    alarms: 0,
    held: 0,
    dropped: 0,
  }
  /** Resolves when the first snapshot is in the view; rejects if the follower is closed before. */
  readonly synced: Promise<void>

  readonly #options: StreamFollowerOptions
  readonly #log: Logger
  readonly #scope: LoopScope
  readonly #view: StreamView
  readonly #waiters = new Set<() => void>()
  readonly #events: EventBody[] = []
  readonly #firstSync = Promise.withResolvers<void>()
  #stepping = false
  #everSynced = false
  #closed: Promise<void> | undefined
  #state: FollowerState
  /** Ends the current sleep, because the next deadline moved. */
  #sleep = new AbortController()
  #sleepUntilMs = Infinity
  /** A snapshot whose digest was checked on arrival and which `reset` may put in place. */
  #arrived: StreamView | undefined
  #fetch = new AbortController()

  constructor(options: StreamFollowerOptions) {
    this.#options = options
    this.#log = options.log.child({ stream: options.stream })
    this.#scope = new LoopScope(this.#log)
    this.#view = new StreamView(options.stream)
    this.#state = initialState(options.clock.nowMs())
    this.synced = this.#firstSync.promise
    // Nobody need ask for it.
    this.synced.catch(() => {})
    this.#scope.start('subscription', (signal) => this.#subscribe(signal))
    this.#scope.start('ticks', (signal) => this.#tick(signal))
  }

  /** Always the same object; reads between two awaits see one position. */
  get view(): ReadonlyStreamView {
    return this.#view
  }

  /** START_POSITION before the first snapshot and while a discarded view is being replaced. */
  get position(): Position {
    return this.#view.position
  }

  get state(): FollowerState['kind'] {
    return this.#state.kind
  }

  /**
   * Upper bound of how old the view is, ms: since a publisher that knew itself complete showed us its position, or
   * since the fetch of the last snapshot began. Infinity before that. Counts neither the time a message spent on the
   * bus nor the age of a snapshot that its source had cached.
   */
  ageMs(): number {
    return this.#options.clock.nowMs() - this.#state.provenMs
  }

  /** Resolves at once or when the view reaches `position`; rejects with the signal's reason, or UNAVAILABLE on close. */
  async waitFor(position: Position, signal?: AbortSignal): Promise<void> {
    const reached = (): boolean => comparePositions(this.position, position) >= 0
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const check = (): void => {
      if (reached()) resolve()
      else if (signal?.aborted === true) reject(signal.reason)
      else if (this.#closed !== undefined) reject(closedError(this.#options.stream))
    }
    this.#waiters.add(check)
    signal?.addEventListener('abort', check)
    try {
      check()
      await promise
    } finally {
      this.#waiters.delete(check)
      signal?.removeEventListener('abort', check)
    }
  }

  /** Fetches a snapshot soon, unless one is on its way: then that one counts, although it may be older than the wish. */
  requestResync(reason: string): void {
    this.#take({ kind: 'resync-requested', reason })
  }

  /** Idempotent. No callback runs after it has been called. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    // `#closed` is set when this first awaits, and only then may the waiters look at it.
    await Promise.resolve()
    this.#firstSync.reject(closedError(this.#options.stream))
    this.#wakeWaiters()
    this.#sleep.abort()
    this.#fetch.abort()
    await this.#scope[Symbol.asyncDispose]()
  }

  async #subscribe(signal: AbortSignal): Promise<void> {
    const { bus, stream } = this.#options
    // A bus that is down may answer late or, when closed, never.
    const subscribing = bus.subscribe(feedSubject(stream), (payload) => this.#receive(payload))
    const end = aborted(signal)
    const subscription = await Promise.race([subscribing, end])
    if (subscription === undefined) {
      // The follower is closed; what still comes of the subscription is undone, and its failure is of no interest.
      void subscribing.then((late) => late[Symbol.asyncDispose]()).catch(() => {})
      return
    }
    await using _ = subscription
    this.#take({ kind: 'subscribed' })
    await end
  }

  async #tick(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    while (!signal.aborted) {
      this.#sleep = new AbortController()
      this.#sleepUntilMs = nextDeadlineMs(this.#state)
      try {
        await clock.sleep(Math.max(1, this.#sleepUntilMs - clock.nowMs()), this.#sleep.signal)
      } catch (error) {
        if (!this.#sleep.signal.aborted) throw error
      }
      this.#take({ kind: 'tick' })
    }
  }

  #receive(payload: Uint8Array): void {
    let message: FeedMessage
    try {
      message = decodeFeedMessage(payload)
      if (message.stream !== this.#options.stream) throw new Error(`a message of stream ${message.stream}`)
    } catch (error) {
      // The bus is no place of trust: whatever these bytes were, the chain shows whether one is missing.
      this.counters.dropped += 1
      this.#log.warn({ err: error, bytes: payload.length }, 'feed message dropped')
      return
    }
    switch (message.kind) {
      case 'update':
        this.#take({ kind: 'update', update: message.update })
        return
      case 'beacon':
        this.#take({ kind: 'beacon', beacon: message.beacon, digestHere: this.#view.digest })
        return
    }
  }

  /** One event after the other, each with its effects done, also when a callback brings about the next event. */
  #take(event: EventBody): void {
    this.#events.push(event)
    if (this.#stepping) return
    this.#stepping = true
    try {
      for (let next = this.#events.shift(); next !== undefined; next = this.#events.shift()) {
        if (this.#closed !== undefined) return
        this.#step(next)
      }
    } finally {
      this.#stepping = false
    }
  }

  #step(event: EventBody): void {
    const { clock, random } = this.#options
    const [state, effects] = step(this.#state, { ...event, nowMs: clock.nowMs(), random: random() })
    this.#state = state
    for (const effect of effects) this.#perform(effect)
    if (effects.length > 0) this.#wakeWaiters()
    if (nextDeadlineMs(state) < this.#sleepUntilMs) this.#sleep.abort()
  }

  #perform(effect: Effect): void {
    const { onApplied, onResync, onDiscard } = this.#options
    switch (effect.kind) {
      case 'apply':
        this.#view.apply(effect.position, effect.changes)
        this.counters.applied += 1
        onApplied?.(effect.changes, effect.position)
        return
      case 'advance':
        this.#view.apply(effect.position, [])
        onApplied?.([], effect.position)
        return
      case 'reset':
        if (this.#arrived === undefined) throw new Error('a reset without a snapshot')
        this.#view.take(this.#arrived)
        this.#arrived = undefined
        this.#nowSynced()
        this.#log.debug({ revision: effect.snapshot.position.revision }, 'feed resynced')
        onResync?.(effect.snapshot.position)
        return
      case 'confirm':
        this.#nowSynced()
        return
      case 'discard':
        this.#view.clear()
        onDiscard?.()
        return
      case 'fetch':
        this.#scope.start('snapshot', (signal) => this.#fetchSnapshot(signal))
        return
      case 'abandon-fetch':
        this.#fetch.abort(new Error('the snapshot took too long'))
        return
      case 'resync':
        this.counters.resyncs += 1
        this.#log.warn({ reason: effect.reason, revision: this.#view.position.revision }, 'feed resync')
        return
      case 'alarm':
        this.counters.alarms += 1
        this.#log.error({ reason: effect.reason, revision: effect.at.revision }, 'feed alarm')
        return
      case 'count':
        this.counters[effect.what] += 1
        return
    }
  }

  async #fetchSnapshot(closing: AbortSignal): Promise<void> {
    const abandoned = new AbortController()
    this.#fetch = abandoned
    const signal = AbortSignal.any([closing, abandoned.signal])
    const { source, stream } = this.#options
    let snapshot: Snapshot
    try {
      snapshot = await source.fetch(stream, signal)
    } catch (error) {
      if (signal.aborted) return
      // Whatever the reason, the answer is to try again later; only an expected one is no cause for alarm.
      if (isMeridianError(error)) this.#log.warn({ err: error }, 'feed snapshot failed')
      else this.#log.error({ err: error }, 'feed snapshot failed unexpectedly')
      this.#take({ kind: 'snapshot-failed' })
      return
    }
    if (signal.aborted) return
    const arrived = new StreamView(stream)
    let intact = true
    try {
      arrived.reset(snapshot)
    } catch (error) {
      intact = false
      this.#log.warn({ err: error }, 'feed snapshot discarded')
    }
    this.#arrived = arrived
    this.#take({ kind: 'snapshot-arrived', snapshot, intact, digestHere: this.#view.digest })
    this.#arrived = undefined
  }

  #nowSynced(): void {
    if (this.#everSynced) return
    this.#everSynced = true
    this.#firstSync.resolve()
  }

  #wakeWaiters(): void {
    for (const check of this.#waiters) check()
  }
}

function closedError(stream: StreamId): MeridianError {
  return new MeridianError('UNAVAILABLE', `the follower of stream ${stream} is closed`)
}

function aborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  if (signal.aborted) resolve(undefined)
  signal.addEventListener('abort', () => resolve(undefined), { once: true })
  return promise
}
