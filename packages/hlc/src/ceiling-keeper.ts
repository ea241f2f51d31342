import { CEILING_AHEAD_MS } from './ceiling.ts'
import type { MonotonicClock } from './clock-guard-loop.ts'
import type { HybridClock } from './hybrid-clock.ts'

/** Twice per lead: a raise may take as long as this until a stamp has to raise the ceiling itself. */
export const CEILING_RAISE_EVERY_MS = CEILING_AHEAD_MS / 2

export interface CeilingKeeperOptions {
  readonly hlc: HybridClock
  readonly clock: MonotonicClock
  /** Told of each raise that failed; the next one is tried all the same. Must not throw. */
  readonly onFailure: (error: unknown) => void
}

/**
 * Keeps the stored ceiling of a clock ahead, so that a stamp now and then does not wait for the disk. Five small writes a
 * second, whether or not anything is stamped. Runs until the signal; rejects with its reason.
 */
export async function keepCeiling(options: CeilingKeeperOptions, signal: AbortSignal): Promise<void> {
  const { hlc, clock, onFailure } = options
  for (;;) {
    try {
      await hlc.raiseCeiling()
    } catch (error) {
      onFailure(error)
    }
    await clock.sleep(CEILING_RAISE_EVERY_MS, signal)
  }
}
