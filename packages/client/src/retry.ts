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
