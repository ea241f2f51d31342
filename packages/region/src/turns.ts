import { isMeridianError, MeridianError } from '@meridian/topology'
import { RegionLimits } from './region-timing.ts'

/** One after the other: the rounds of a controller and what is asked of it, in the order in which they came. */
export class Turns {
  readonly #ended: AbortSignal
  #last: Promise<void> = Promise.resolve()
  #waiting = 0

  /** `ended` aborts when the leadership is over: no turn begins after it, and the one under way is aborted. */
  constructor(ended: AbortSignal) {
    this.#ended = ended
  }

  /** @throws MeridianError OVERLOADED; LEADERSHIP_LOST; OUTCOME_UNKNOWN when the leadership ended meanwhile; those of `act` */
  async take<T>(signal: AbortSignal, act: (either: AbortSignal) => Promise<T>): Promise<T> {
    if (this.#waiting >= RegionLimits.commandsWaitingMax) {
      throw new MeridianError(
        'OVERLOADED',
        `${RegionLimits.commandsWaitingMax} requests wait for the controller already.`,
      )
    }
    this.#waiting += 1
    const before = this.#last
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#last = promise
    try {
      await before
      signal.throwIfAborted()
      if (this.#ended.aborted) {
        throw new MeridianError('LEADERSHIP_LOST', 'This server is no longer the controller of the region.')
      }
      return await act(AbortSignal.any([signal, this.#ended]))
    } catch (error) {
      if (!this.#ended.aborted || isMeridianError(error)) throw error
      throw new MeridianError('OUTCOME_UNKNOWN', 'The leadership ended while the change was under way.', {
        cause: error,
      })
    } finally {
      this.#waiting -= 1
      resolve()
    }
  }
}
