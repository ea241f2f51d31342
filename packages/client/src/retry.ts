import { backoffMs } from '@meridian/loop'
import { ERROR_TABLE } from '@meridian/protocol'
import type { RetryClass } from '@meridian/protocol'
import type { ErrorCode } from '@meridian/topology'

/** Pause between rounds of a request whose map or leader is in transition. */
export const RETRY_BACKOFF = { delayMsMin: 20, delayMsMax: 1000 }

/** What to do about a refusal: as the error table says. */
export function retryClass(code: ErrorCode): RetryClass {
  return ERROR_TABLE[code].retry
}

/** True when another attempt can help within the caller's deadline. */
export function worthRetrying(code: ErrorCode): boolean {
  return retryClass(code) !== 'give-up'
}

/** An answer may take so many times what the slowest one so far took. */
const ANSWER_FACTOR = 2
/** However fast answers were, ms. */
const ANSWER_MS_MIN = 50

/**
 * Pause before another attempt at a write that was surely refused, ms. It leaves that attempt the time for an answer: one
 * that the deadline cuts off would make a doubt of what was sure.
 *
 * @param remainingMs until the deadline
 * @param answerMs what the slowest answer so far took
 * @returns undefined when no answer could come in time
 */
export function answerablePauseMs(
  attempt: number,
  remainingMs: number,
  answerMs: number,
  random: () => number,
): number | undefined {
  const latestMs = remainingMs - Math.max(ANSWER_MS_MIN, ANSWER_FACTOR * answerMs)
  return latestMs < 0 ? undefined : Math.min(backoffMs(RETRY_BACKOFF, attempt, random), latestMs)
}
