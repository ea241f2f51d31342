/**
 * Remembers, over restarts, a time that no stamp of this writer has passed. One process at a time may use a store.
 */
export type CeilingStore = {
  /** Milliseconds; 0 if nothing was ever saved. Throws if a ceiling exists and cannot be read: never guess a lower one. */
  load(): number
  /**
   * Durable before it returns, hence synchronous: the clock issues the first stamp below the new ceiling right after.
   * If it throws, the value may or may not be stored; both are safe, because the stamp is then not issued.
   */
  save(ceilingMs: number): void
}

/**
 * How far beyond the stamp at hand the ceiling is put: one save covers 200 ms of stamping. Below the maximum offset,
 * so that a restart waits for less time than peers would tolerate as a lead.
 */
export const CEILING_WINDOW_MS = 200
