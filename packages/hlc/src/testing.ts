import type { CeilingStore } from './ceiling.ts'
import type { PhysicalClock } from './physical-clock.ts'

/** A physical clock that moves only when told to, in either direction. */
export class ManualClock implements PhysicalClock {
  #nowMs: number

  constructor(startMs = 0) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  set(nowMs: number): void {
    this.#nowMs = nowMs
  }

  /** Negative to go back. */
  advance(byMs: number): void {
    this.#nowMs += byMs
  }
}

export type MemoryCeiling = CeilingStore & {
  readonly savedMs: number
  /** Of `save`, which holds up whoever stamps. */
  readonly saveCount: number
  /** Of `saveAhead`, which does not. */
  readonly aheadCount: number
}

/** A ceiling that outlives the clocks of a test, as a disk outlives processes. */
export function memoryCeiling(startMs = 0): MemoryCeiling {
  let savedMs = startMs
  let saveCount = 0
  let aheadCount = 0
  return {
    get savedMs() {
      return savedMs
    },
    get saveCount() {
      return saveCount
    },
    get aheadCount() {
      return aheadCount
    },
    load: () => savedMs,
    save(ceilingMs) {
      savedMs = Math.max(savedMs, ceilingMs)
      saveCount++
    },
    async saveAhead(ceilingMs) {
      await Promise.resolve()
      savedMs = Math.max(savedMs, ceilingMs)
      aheadCount++
    },
  }
}
