/**
 * Remembers, over restarts, a time that no stamp of this writer has passed. It only rises. One process at a time may use
 * a store.
 */
export type CeilingStore = {
  /**
   * Milliseconds: at least the greatest value of which a save has ended, and none that was not asked for; 0 if nothing
   * was ever saved. Throws if a ceiling exists and cannot be read: never guess a lower one.
   */
  load(): number
  /**
   * Durable before it returns, hence synchronous: the clock issues the first stamp below the new ceiling right after.
   * If it throws, the value may or may not be stored; both are safe, because the stamp is then not issued.
   */
  save(ceilingMs: number): void
  /**
   * As `save`, durable when it resolves, without holding up the event loop. One at a time; `save` may come in between,
   * and neither may undo the other.
   */
  saveAhead(ceilingMs: number): Promise<void>
}

/**
 * How far beyond the stamp at hand the ceiling is put when it is needed at once: one save covers 200 ms of stamping.
 * Below the maximum offset, so that a restart waits for less time than peers would tolerate as a lead.
 */
export const CEILING_WINDOW_MS = 200

/** How far ahead of the clock it is put in the background; at most the maximum offset, for the same reason. */
export const CEILING_AHEAD_MS = 400
