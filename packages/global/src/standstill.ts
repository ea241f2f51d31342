import { withTimeLimit } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import type { RegionId } from '@meridian/topology'
import { initialStandstill, step } from './standstill-core.ts'
import type { StandstillEvent, StandstillState } from './standstill-core.ts'

/** What a region's server promises: not to take ranges of the one who asked for so long after it was asked. */
export interface TakePromise {
  readonly promiseMs: number
  /** Every region that it knows of. */
  readonly members: readonly RegionId[]
}

export interface StandstillOptions {
  readonly region: RegionId
  /** Regions that the own view of G shows, the own one among them. */
  readonly members: () => readonly RegionId[]
  /**
   * Asks a server of `region`, the own one included, for a promise not to take from the own region. Rejects when it
   * refuses or does not answer.
   */
  readonly ask: (region: RegionId, signal: AbortSignal) => Promise<TakePromise>
  /** Asks once less than this is left of the lease, ms: early enough for all to answer, late enough for a hiccup to pass. */
  readonly askBelowMs: number
  readonly askEveryMs: number
  readonly clock: Clock
  readonly log: Logger
}

/** Patience for one region's answer, ms. */
const ASK_MS_MAX = 2000

/**
 * Lets a region go on while the global tier answers nobody: as long as every region that could take its ranges has
 * promised not to. One that is silent, or where G still works, promises nothing; then the lease runs out as it would.
 */
export class Standstill {
  readonly #options: StandstillOptions
  #state: StandstillState = initialStandstill
  #asking = new Set<RegionId>()

  constructor(options: StandstillOptions) {
    this.#options = options
  }

  /** What all promises together vouch for, ms from now; 0 when they do not. */
  remainingMs(): number {
    return Math.max(0, this.#state.untilMs - this.#options.clock.nowMs())
  }

  /** Told by the agent of each renewal that was committed. */
  renewed(untilMs: number): void {
    this.#tell({ kind: 'renewed', untilMs })
  }

  /** Told by the agent when its authority is gone or its clocks are doubtful. */
  revoked(): void {
    this.#tell({ kind: 'revoked' })
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, askEveryMs, askBelowMs } = this.#options
    while (!signal.aborted) {
      const { leaseUntilMs, untilMs } = this.#state
      const nowMs = clock.nowMs()
      const goesOn = nowMs < Math.max(leaseUntilMs, untilMs)
      if (goesOn && leaseUntilMs - nowMs < askBelowMs) {
        const wanted = new Set([...this.#options.members(), ...this.#state.members])
        for (const region of wanted) void this.#ask(region, signal)
      }
      await clock.sleep(askEveryMs, signal).catch(() => {})
    }
  }

  async #ask(region: RegionId, signal: AbortSignal): Promise<void> {
    if (this.#asking.has(region)) return
    const { ask, clock, log, members } = this.#options
    this.#asking.add(region)
    const { leaseUntilMs } = this.#state
    const sentMs = clock.nowMs()
    try {
      const promise = await withTimeLimit(clock, ASK_MS_MAX, (abort) => ask(region, abort), signal)
      // Asked before a renewal or a loss of authority, it is about another standstill.
      if (leaseUntilMs !== this.#state.leaseUntilMs) return
      const before = this.remainingMs()
      const all = [...members(), ...promise.members]
      const { promiseMs } = promise
      this.#tell({ kind: 'promised', region, sentMs, nowMs: clock.nowMs(), promiseMs, members: all })
      if (before === 0 && this.remainingMs() > 0) log.warn({}, 'the global tier is away; every region stands still')
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error, region }, 'no promise to stand still')
    } finally {
      this.#asking.delete(region)
    }
  }

  #tell(event: StandstillEvent): void {
    this.#state = step(this.#state, event)
  }
}
