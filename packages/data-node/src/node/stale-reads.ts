import type { Clock } from '@meridian/loop'
import { MeridianError } from '@meridian/topology'
import { Freshness } from '../replica/freshness.ts'
import type { AppliedState, ConfirmedIndex } from '../replica/freshness.ts'
import { NODE_LIMITS } from './node-config.ts'

export interface StaleReadsOptions {
  readonly clock: Clock
  /** Asks the shard's leader what is committed; rejects when it cannot be asked. */
  readonly ask: () => Promise<ConfirmedIndex>
  readonly state: () => AppliedState
}

/**
 * Reads from the applied state of any replica, with a bound on how old it is. The leader is asked only when the bound is
 * not good enough, once for all who wait.
 */
export class StaleReads {
  readonly #options: StaleReadsOptions
  readonly #freshness = new Freshness()
  #asking: Promise<void> | undefined
  #caughtUp: (() => void) | undefined

  constructor(options: StaleReadsOptions) {
    this.#options = options
  }

  /** Milliseconds by which the state is stale at most; infinite while nothing is known. */
  get stalenessMs(): number {
    return this.#freshness.stalenessMs(this.#options.clock.nowMs())
  }

  /** To be called whenever the state may have moved. */
  moved(): void {
    if (this.#asking === undefined && this.#freshness.stalenessMs(0) === Number.POSITIVE_INFINITY) return
    this.#freshness.moved(this.#options.state())
    if (!this.#freshness.behind) this.#caughtUp?.()
  }

  forget(): void {
    this.#freshness.forget()
    this.#caughtUp?.()
  }

  /**
   * Resolves in the very turn in which the state is no staler than `maxMs`, with the bound.
   *
   * @throws MeridianError TOO_STALE with the bound known, when the leader was asked and it is no better
   */
  async within(maxMs: number): Promise<number> {
    const { clock } = this.#options
    const arrivedMs = clock.nowMs()
    let failure: unknown
    // A question under way when this read arrives may have been sent too long ago; the one after it was not.
    for (let asked = 0; asked < 3; asked++) {
      const stalenessMs = this.#freshness.stalenessMs(clock.nowMs())
      if (stalenessMs <= maxMs) return stalenessMs
      if (clock.nowMs() - arrivedMs > NODE_LIMITS.staleReadMs) break
      try {
        await (this.#asking ??= this.#refresh())
      } catch (error) {
        failure = error
        break
      }
    }
    const stalenessMs = this.#freshness.stalenessMs(clock.nowMs())
    if (stalenessMs <= maxMs) return stalenessMs
    const known = Number.isFinite(stalenessMs) ? `up to ${Math.ceil(stalenessMs)} ms old` : 'of unknown age'
    const why = failure instanceof Error ? `: ${failure.message}` : ''
    throw new MeridianError('TOO_STALE', `the state here is ${known}, ${Math.floor(maxMs)} ms were asked for${why}`)
  }

  async #refresh(): Promise<void> {
    const { clock, ask, state } = this.#options
    const stop = new AbortController()
    try {
      const sentMs = clock.nowMs()
      const confirmed = await ask()
      const { promise: caughtUp, resolve } = Promise.withResolvers<void>()
      this.#caughtUp = resolve
      this.#freshness.confirmed(sentMs, confirmed, state())
      if (!this.#freshness.behind) return
      const patience = clock.sleep(NODE_LIMITS.staleReadMs, stop.signal).catch(() => {})
      await Promise.race([caughtUp, patience])
    } finally {
      stop.abort()
      this.#asking = undefined
      this.#caughtUp = undefined
    }
  }
}
