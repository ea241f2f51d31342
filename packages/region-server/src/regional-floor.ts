import type { Clock, Logger } from '@meridian/loop'
import type { Store } from '@meridian/store'
import { LeastRecent } from '@meridian/tax'
import { INCARNATION_KEY, isMeridianError } from '@meridian/topology'
import { floorText } from './floor-text.ts'

const PROBE_EVERY_MS = 2000

export interface RegionalFloorOptions {
  /** The region's own tier. */
  readonly store: Store
  /** Writes once to the disk and waits until it is there; the time that took, ms. */
  readonly fsync: () => Promise<number>
  readonly clock: Clock
  readonly log: Logger
}

/** A floor, ms, or that there is none yet, with what it is made of. */
export interface Floor {
  readonly floorMs: number | undefined
  readonly reason: string
}

/**
 * The least that a commit of the region's tier can take. No distance is in it, but it is not nothing: the way to the
 * leader and from there to a majority and back, which a confirmed (linearizable) read takes as well, and one fsync. Both
 * are measured every two seconds, and the smallest of the last minute counts.
 *
 * The fsync is of this server's disk. Where the tier's members have other disks, it stands for theirs.
 */
export class RegionalFloor {
  readonly #options: RegionalFloorOptions
  readonly #confirms = new LeastRecent()
  readonly #fsyncs = new LeastRecent()
  #answeredMs: number

  constructor(options: RegionalFloorOptions) {
    this.#options = options
    this.#answeredMs = options.clock.nowMs()
  }

  /**
   * Since the tier last confirmed a read, ms. That takes a majority of its members, where a watch is kept going by one that
   * is left alone.
   */
  answerAgeMs(): number {
    return this.#options.clock.nowMs() - this.#answeredMs
  }

  /** Of so many commits, one after the other. */
  commits(count: number): Floor {
    const nowMs = this.#options.clock.nowMs()
    const [confirmMs, fsyncMs] = [this.#confirms.least(nowMs), this.#fsyncs.least(nowMs)]
    if (confirmMs === undefined || fsyncMs === undefined) {
      return { floorMs: undefined, reason: 'the tier and the disk have not been measured yet' }
    }
    const one = `confirmed read ${floorText(confirmMs)} + fsync ${floorText(fsyncMs)}`
    return {
      floorMs: count * (confirmMs + fsyncMs),
      reason: count === 1 ? one : `${count} commits of: ${one}`,
    }
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { store, fsync, clock, log } = this.#options
    while (!signal.aborted) {
      try {
        const begunMs = clock.nowMs()
        await store.list(INCARNATION_KEY, { consistency: 'linearizable', signal })
        this.#answeredMs = clock.nowMs()
        this.#confirms.record(this.#answeredMs, this.#answeredMs - begunMs)
      } catch (error) {
        if (signal.aborted) return
        if (!isMeridianError(error)) throw error
        log.debug({ err: error }, 'the regional tier was not measured')
      }
      try {
        this.#fsyncs.record(clock.nowMs(), await fsync())
      } catch (error) {
        log.warn({ err: error }, 'the disk was not measured')
      }
      await clock.sleep(PROBE_EVERY_MS, signal).catch(() => {})
    }
  }
}
