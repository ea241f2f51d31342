import { ERROR_TABLE } from '@meridian/protocol'
import type { Clock } from '@meridian/loop'
import { isMeridianError } from '@meridian/topology'

const ATTEMPTS_MAX = 8
const PAUSE_MS = 250

/**
 * A control operation made until its outcome is known. It is the same call each time, under the same operation id, so
 * repeating it cannot have a second effect.
 */
export async function untilKnown<T>(clock: Clock, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call()
    } catch (error) {
      if (!isMeridianError(error) || ERROR_TABLE[error.code].retry === 'give-up' || attempt === ATTEMPTS_MAX)
        throw error
      await clock.sleep(PAUSE_MS, signal)
    }
  }
}
