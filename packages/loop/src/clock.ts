import { setTimeout as delay } from 'node:timers/promises'

/**
 * The time loops and leases live by: milliseconds that only go forward, unrelated to the wall.
 *
 * NOT promised: that time spent suspended is counted (Linux's CLOCK_MONOTONIC stops with the machine), so a lease
 * deadline on this clock holds only while the machine runs; the tokens, not the leases, keep writes safe.
 */
export interface Clock {
  /** Monotonic milliseconds, fractional, from an arbitrary origin of this process. */
  nowMs(): number
  /** Resolves after `ms`; rejects with the signal's reason when aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  sleep: async (ms, signal) => {
    try {
      await delay(ms, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      // `delay` rejects with its own AbortError; callers want the reason they gave.
      throw signal?.aborted === true ? signal.reason : error
    }
  },
}
