export interface BackoffPolicy {
  /** First delay, ms. */
  readonly delayMsMin: number
  /** Largest delay, ms. */
  readonly delayMsMax: number
}

/**
 * Delay before attempt `attempt` (0 = first retry), ms: doubling from the minimum to the maximum, then scattered over
 * the upper half so that many losers of one server do not come back together.
 *
 * @param random uniform in [0, 1), handed in so that simulations replay.
 */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: () => number): number {
  const doubled = policy.delayMsMin * 2 ** Math.min(attempt, 30)
  const bounded = Math.min(policy.delayMsMax, doubled)
  return bounded / 2 + (bounded / 2) * random()
}
