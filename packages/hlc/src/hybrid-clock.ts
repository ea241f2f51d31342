import { setTimeout as sleepFor } from 'node:timers/promises'
import { CEILING_AHEAD_MS, CEILING_WINDOW_MS } from './ceiling.ts'
import { ClockBehindError, ClockOffsetError, ClockSuspectError, StampRefusedError } from './errors.ts'
import { COUNTER_MAX, WALL_MS_MAX, ZERO_TIMESTAMP, assertNumbers, isWallMs, isWriterOrigin } from './timestamp.ts'
import type { CeilingStore } from './ceiling.ts'
import type { HeldBy } from './errors.ts'
import type { PhysicalClock } from './physical-clock.ts'
import type { Timestamp } from './timestamp.ts'

/** Largest lead over the local physical clock that is accepted from a peer, and that this clock allows itself. */
export const MAX_OFFSET_MS_DEFAULT = 500

/** A wait for the ceiling is one sleep; more are needed only if timers fire early or the clock is being slewed. */
const OPEN_SLEEPS_MAX = 64

export type HybridClockOptions = {
  /** Writer id, `[a-z0-9-]{1,32}` and not `-`. Two live clocks of one origin may issue equal stamps. */
  readonly origin: string
  readonly physical: PhysicalClock
  /** Integer milliseconds, default 500; more than `CEILING_WINDOW_MS` if there is a ceiling. Equal in all processes. */
  readonly maxOffsetMs?: number
  /** Without it stamps can repeat after a restart with the wall clock set back. */
  readonly ceiling?: CeilingStore
  /** A stamp that everything issued must exceed, for example the last one committed in the tier. */
  readonly last?: Timestamp
  readonly tap?: ClockTap
}

/** Told of each step of a clock as it is made, so that others can check it. Must not throw. */
export interface ClockTap {
  issued(stamp: Timestamp, physicalMs: number): void
  /** A committed stamp came to be known: see `HybridClock.observeCommitted`. */
  observed(committed: Timestamp, outcome: 'merged' | 'held', physicalMs: number): void
}

export type OpenOptions = HybridClockOptions & {
  /** Default: a timer. */
  readonly sleep?: (ms: number) => Promise<void>
  /** Looked at between sleeps. */
  readonly signal?: AbortSignal
}

export type ReceiveResult =
  | { readonly ok: true; readonly stamp: Timestamp }
  | { readonly ok: false; readonly error: ClockOffsetError | StampRefusedError }

/**
 * Hybrid logical clock (Kulkarni et al., 2014) with a bounded lead and a persisted ceiling.
 *
 * Every stamp it issues, by `now` or `receive`, exceeds all that it issued, received or observed before (I29), is at
 * most `maxOffsetMs` ahead of the physical clock at that moment and, with a ceiling, exceeds all stamps of earlier
 * processes of the same origin (I30). Where these cannot all hold, it refuses with an error and keeps its state: it
 * never trades one for another.
 *
 * Not given: that a greater stamp happened later, or that equal wall parts mean simultaneity.
 */
export class HybridClock {
  readonly origin: string
  readonly maxOffsetMs: number
  readonly #physical: PhysicalClock
  readonly #store: CeilingStore | undefined
  readonly #tap: ClockTap | undefined
  /** Ceiling found at the start: only to say what holds the clock. */
  readonly #startCeilingMs: number

  /** Greatest (wall, counter) issued or merged. Invariant: `#lastMs` was at most `maxOffsetMs` ahead when it was set. */
  #lastMs = 0
  #lastCounter = 0
  /** Greatest committed stamp that was too far ahead to be merged; counts only while it exceeds last. */
  #aheadMs = 0
  #aheadCounter = 0
  /** Invariant: no stamp is issued with a wall part above this, and the store has it (Infinity without a store). */
  #ceilingMs: number
  /** A raise in the background is under way. */
  #raising: Promise<void> | undefined
  /** Why nothing may be stamped at present. */
  #suspendedFor: string | undefined

  /**
   * Starts above the stored ceiling without waiting for it: until the physical clock has passed it, stamps lead by up
   * to the window, or are refused. `open` waits. Throws `RangeError` on bad options and what `ceiling.load` throws.
   */
  constructor(options: HybridClockOptions) {
    const { origin, physical, maxOffsetMs = MAX_OFFSET_MS_DEFAULT, ceiling, last = ZERO_TIMESTAMP, tap } = options
    if (!isWriterOrigin(origin)) throw new RangeError(`not an origin: ${JSON.stringify(origin)}`)
    const leastOffsetMs = ceiling === undefined ? 0 : CEILING_WINDOW_MS + 1
    if (!isWallMs(maxOffsetMs) || maxOffsetMs < leastOffsetMs) {
      throw new RangeError(`maxOffsetMs must be an integer of at least ${leastOffsetMs}: ${maxOffsetMs}`)
    }
    assertNumbers(last)
    this.origin = origin
    this.maxOffsetMs = maxOffsetMs
    this.#physical = physical
    this.#store = ceiling
    this.#tap = tap
    this.#startCeilingMs = ceiling?.load() ?? 0
    if (!isWallMs(this.#startCeilingMs)) throw new RangeError(`the stored ceiling is no time: ${this.#startCeilingMs}`)
    this.#ceilingMs = ceiling === undefined ? Number.POSITIVE_INFINITY : this.#startCeilingMs
    if (this.#startCeilingMs > 0) this.#merge(this.#startCeilingMs, COUNTER_MAX)
    this.#merge(last.wallMs, last.counter)
  }

  /**
   * A clock whose physical clock has passed the stored ceiling. Throws `ClockBehindError` (held by `ceiling`) at once if
   * the ceiling is more than `maxOffsetMs` ahead: the ceiling is never put further than that, so the wall clock has
   * gone back, and waiting is not known to be short. Also throws it if the physical clock does not move.
   */
  static async open(options: OpenOptions): Promise<HybridClock> {
    const { sleep = async (ms: number) => sleepFor(ms), signal, ...clockOptions } = options
    const clock = new HybridClock(clockOptions)
    const ceilingMs = clock.#startCeilingMs
    for (let sleeps = 0; ; sleeps++) {
      signal?.throwIfAborted()
      const physicalMs = clock.#physicalMs()
      if (physicalMs > ceilingMs || clock.#store === undefined) return clock
      if (ceilingMs - physicalMs > clock.maxOffsetMs || sleeps === OPEN_SLEEPS_MAX) {
        throw new ClockBehindError('ceiling', ceilingMs, physicalMs, clock.maxOffsetMs)
      }
      // oxlint-disable-next-line no-await-in-loop
      await sleep(ceilingMs - physicalMs + 1)
    }
  }

  /** Greatest stamp issued or merged so far, under this clock's origin. Does not advance the clock. */
  get last(): Timestamp {
    return { wallMs: this.#lastMs, counter: this.#lastCounter, origin: this.origin }
  }

  /**
   * Send rule: stamps a local event or a message to be sent. Throws `ClockBehindError`, `ClockSuspectError` while
   * suspended, or what `ceiling.save` throws; in each case nothing was stamped and the call may be repeated.
   */
  now(): Timestamp {
    return this.#issue(this.#physicalMs(), 0, 0)
  }

  /**
   * Receive rule: stamps the receipt of a message that carries `remote`. For admission, where the sender can be told
   * no; for what is committed use `observeCommitted`. Throws `ClockOffsetError` if `remote` is more than `maxOffsetMs`
   * ahead, else as `now`. After a throw the message counts as not received.
   */
  receive(remote: Timestamp): Timestamp {
    assertNumbers(remote)
    const physicalMs = this.#physicalMs()
    if (remote.wallMs - physicalMs > this.maxOffsetMs) throw new ClockOffsetError(remote, physicalMs, this.maxOffsetMs)
    return this.#issue(physicalMs, remote.wallMs, remote.counter)
  }

  /** As `receive`, with the two refusals as values. Still throws on a malformed stamp and on a failing ceiling. */
  tryReceive(remote: Timestamp): ReceiveResult {
    try {
      return { ok: true, stamp: this.receive(remote) }
    } catch (error) {
      if (error instanceof ClockOffsetError || error instanceof StampRefusedError) return { ok: false, error }
      throw error
    }
  }

  /**
   * Takes note of a stamp that is committed already, so that refusing it is no choice: the state it came with must be
   * applied, whatever this returns. `merged`: later stamps exceed it. `held`: it is too far ahead; it is remembered, and
   * nothing is stamped until the physical clock is within `maxOffsetMs` of it; after that, later stamps exceed it.
   *
   * The memory of a held stamp ends with the process; the owner of the clock observes the tier's last stamp at start.
   */
  observeCommitted(committed: Timestamp): 'merged' | 'held' {
    assertNumbers(committed)
    const { wallMs, counter } = committed
    const physicalMs = this.#physicalMs()
    if (wallMs - physicalMs <= this.maxOffsetMs) {
      this.#merge(wallMs, counter)
      this.#tap?.observed(committed, 'merged', physicalMs)
      return 'merged'
    }
    this.#tap?.observed(committed, 'held', physicalMs)
    if (exceeds(wallMs, counter, this.#aheadMs, this.#aheadCounter)) {
      this.#aheadMs = wallMs
      this.#aheadCounter = counter
    }
    return 'held'
  }

  /**
   * Stamps nothing until `resume`: the physical clock is not to be trusted, for example because it jumped. Commits are
   * still observed. Repeated, the newest reason counts.
   */
  suspend(reason: string): void {
    this.#suspendedFor = reason
  }

  /** Ends a suspension, if there is one. */
  resume(): void {
    this.#suspendedFor = undefined
  }

  get suspended(): boolean {
    return this.#suspendedFor !== undefined
  }

  /**
   * Raises the stored ceiling ahead of need, without holding up the event loop, so that the next stamp finds it raised.
   * Nothing rests on it: a stamp that finds the ceiling too low raises it itself, synchronously. While one raise is under
   * way, a second call is that one. Suspended, it does nothing, because it would write down a time that is in doubt.
   *
   * @throws what `ceiling.saveAhead` throws; the ceiling then counts as not raised
   */
  async raiseCeiling(): Promise<void> {
    const store = this.#store
    if (store === undefined) return
    this.#raising ??= this.#raiseAhead(store).finally(() => {
      this.#raising = undefined
    })
    await this.#raising
  }

  async #raiseAhead(store: CeilingStore): Promise<void> {
    const physicalMs = this.#physicalMs()
    // After the reading, as in `#issue`.
    if (this.#suspendedFor !== undefined) return
    // A clock that leads stamps from its last stamp on, and it is there that the ceiling has to be ahead.
    const fromMs = Math.max(physicalMs, this.#lastMs)
    const ceilingMs = Math.min(fromMs + CEILING_AHEAD_MS, physicalMs + this.maxOffsetMs, WALL_MS_MAX)
    if (ceilingMs <= this.#ceilingMs) return
    await store.saveAhead(ceilingMs)
    // A stamp may have raised it further meanwhile.
    this.#ceilingMs = Math.max(this.#ceilingMs, ceilingMs)
  }

  #merge(wallMs: number, counter: number): void {
    if (!exceeds(wallMs, counter, this.#lastMs, this.#lastCounter)) return
    this.#lastMs = wallMs
    this.#lastCounter = counter
  }

  /** The one place where stamps are made: max of last, ahead and remote, then one step. No state changes on a throw. */
  #issue(physicalMs: number, remoteMs: number, remoteCounter: number): Timestamp {
    // After the physical clock was read: the reading itself may have found that it jumped.
    if (this.#suspendedFor !== undefined) throw new ClockSuspectError(this.#suspendedFor)
    let wallMs = this.#lastMs
    let counter = this.#lastCounter
    if (exceeds(this.#aheadMs, this.#aheadCounter, wallMs, counter)) {
      wallMs = this.#aheadMs
      counter = this.#aheadCounter
    }
    if (exceeds(remoteMs, remoteCounter, wallMs, counter)) {
      wallMs = remoteMs
      counter = remoteCounter
    }
    if (physicalMs > wallMs) {
      wallMs = physicalMs
      counter = 0
    } else if (counter < COUNTER_MAX) {
      counter++
    } else {
      // A full counter carries into the wall part. It may run ahead by this, but only up to the maximum offset.
      wallMs++
      counter = 0
    }
    if (wallMs - physicalMs > this.maxOffsetMs) {
      throw new ClockBehindError(this.#heldBy(), wallMs, physicalMs, this.maxOffsetMs)
    }
    if (wallMs > WALL_MS_MAX) throw new RangeError('the 48 bits of wall time are used up')
    if (wallMs > this.#ceilingMs) this.#raiseCeiling(wallMs, physicalMs)
    this.#lastMs = wallMs
    this.#lastCounter = counter
    const stamp = { wallMs, counter, origin: this.origin }
    this.#tap?.issued(stamp, physicalMs)
    return stamp
  }

  /**
   * Never further than `maxOffsetMs` ahead of the physical clock, so that a quick restart under a peer's lead is not
   * taken for a clock that went back. The price: under a lead close to the maximum, a save covers less than the window.
   */
  #raiseCeiling(wallMs: number, physicalMs: number): void {
    const ceilingMs = Math.min(wallMs + CEILING_WINDOW_MS, physicalMs + this.maxOffsetMs, WALL_MS_MAX)
    this.#store?.save(ceilingMs)
    this.#ceilingMs = ceilingMs
  }

  #heldBy(): HeldBy {
    if (exceeds(this.#aheadMs, this.#aheadCounter, this.#lastMs, this.#lastCounter)) return 'committed'
    return this.#startCeilingMs > 0 && this.#lastMs === this.#startCeilingMs ? 'ceiling' : 'own'
  }

  #physicalMs(): number {
    const physicalMs = Math.floor(this.#physical.nowMs())
    if (physicalMs >= 0 && physicalMs <= WALL_MS_MAX) return physicalMs
    throw new RangeError(`the physical clock shows no time: ${physicalMs}`)
  }
}

function exceeds(aMs: number, aCounter: number, bMs: number, bCounter: number): boolean {
  return aMs > bMs || (aMs === bMs && aCounter > bCounter)
}
