import type { Clock } from '@meridian/loop'

/** A sleep that can be cut short from elsewhere: rung while nobody waits, it cuts the next one. */
export class Bell {
  readonly #clock: Clock
  #rung = false
  #wake: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  ring(): void {
    this.#rung = true
    this.#wake?.()
  }

  /** Resolves after `ms` or a ring; rejects with the signal's reason. One waiter at a time. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung) {
      const cut = new AbortController()
      const rung = new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      const slept = this.#clock.sleep(ms, AbortSignal.any([signal, cut.signal])).catch((error: unknown) => {
        // Cut by the ring below: the sleep is nobody's any more.
        if (!cut.signal.aborted) throw error
      })
      try {
        await Promise.race([rung, slept])
      } finally {
        this.#wake = undefined
        cut.abort()
      }
    }
    this.#rung = false
    signal.throwIfAborted()
  }

  /**
   * Runs `work`, which a ring cuts by its signal; undefined then, and the next `wait` does not wait. Rings from before
   * are what this work answers.
   */
  async during<T>(signal: AbortSignal, work: (cut: AbortSignal) => Promise<T>): Promise<T | undefined> {
    this.#rung = false
    const cut = new AbortController()
    this.#wake = () => cut.abort(new Error('rung'))
    try {
      return await work(AbortSignal.any([signal, cut.signal]))
    } catch (error) {
      signal.throwIfAborted()
      if (!cut.signal.aborted) throw error
      return undefined
    } finally {
      this.#wake = undefined
    }
  }
}
