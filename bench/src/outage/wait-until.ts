import type { Clock } from '@meridian/loop'
import { MeridianError } from '@meridian/topology'

const POLL_MS = 10

/** @param what completes the sentence "gave up waiting for" @throws MeridianError UNAVAILABLE after `timeoutMs` */
export async function waitUntil(
  what: string,
  clock: Clock,
  timeoutMs: number,
  signal: AbortSignal,
  condition: () => boolean | Promise<boolean>,
): Promise<void> {
  const untilMs = clock.nowMs() + timeoutMs
  while (!(await condition())) {
    if (clock.nowMs() > untilMs)
      throw new MeridianError('UNAVAILABLE', `gave up waiting for ${what} after ${timeoutMs} ms`)
    await clock.sleep(POLL_MS, signal)
  }
}
