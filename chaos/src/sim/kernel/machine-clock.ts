import type { Clock } from '@meridian/loop'
import type { Machine } from './machine.ts'

/** As Node's timers have it: nothing is woken in the turn that asked. */
const SLEEP_MS_MIN = 1
/** Beyond this Node's timers fire at once; asking for it is a bug. */
const SLEEP_MS_MAX = 2 ** 31 - 1

/** @param deliver runs the end of a sleep where and when the sleeper can */
export function clockOf(machine: Machine, deliver: (event: () => void) => void): Clock {
  return {
    nowMs: () => machine.nowMs(),
    sleep: (ms, signal) => {
      if (!(ms <= SLEEP_MS_MAX)) throw new RangeError(`assertion: asked to sleep for ${ms} ms`)
      return new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason)
          return
        }
        const cut = machine.wakeAt(machine.nowMs() + Math.max(SLEEP_MS_MIN, ms), () =>
          deliver(() => {
            signal?.removeEventListener('abort', abort)
            resolve()
          }),
        )
        const abort = (): void => {
          cut()
          reject(signal?.reason)
        }
        signal?.addEventListener('abort', abort, { once: true })
      })
    },
  }
}
