import { readFileSync } from 'node:fs'

/** Milliseconds since the machine started, suspended time included; undefined where nothing tells it. */
export type BootClock = { nowMs(): number | undefined }

/** Linux: `/proc/uptime`, in steps of 10 ms. Elsewhere, or where it is hidden, it shows nothing and is not asked again. */
export function procUptimeClock(path = '/proc/uptime'): BootClock {
  let absent = false
  return {
    nowMs() {
      if (absent) return undefined
      try {
        const seconds = /^\d+(\.\d+)?(?= )/u.exec(readFileSync(path, 'latin1'))?.[0]
        if (seconds !== undefined) return Math.round(Number(seconds) * 1000)
      } catch {
        // No such file, or not for us: as good as no such clock.
      }
      absent = true
      return undefined
    },
  }
}
