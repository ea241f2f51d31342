import type { Clock } from '@meridian/loop'
import { countedFromMs, IN_FLIGHT_MAX } from '../latency-tax/open-loop.ts'

/** One commit that a client asked for. Times are of the run's clock. */
export interface Asked {
  readonly region: string
  /** From when on it counts: when it was due, unless only the driver's timer was late. */
  readonly countedMs: number
  /** When it was answered; absent for one that failed. */
  readonly doneMs?: number
  readonly failure?: string
}

export interface DemandStreamOptions {
  readonly send: (region: string, signal: AbortSignal) => Promise<void>
  /** Mean time from one commit to the next, ms. */
  readonly periodMs: number
  readonly clock: Clock
  /** Uniform in [0, 1). */
  readonly random: () => number
}

/** Commits asked for in an open loop from one region at a time, each at its time, whatever happens to those before. */
export class DemandStream {
  /** Of the commits from now on. */
  region: string
  readonly #options: DemandStreamOptions
  readonly #asked: Asked[] = []

  constructor(region: string, options: DemandStreamOptions) {
    this.region = region
    this.#options = options
  }

  /** Those that have ended, in the order in which they ended. */
  get asked(): readonly Asked[] {
    return this.#asked
  }

  /** Until `until` aborts, and then until all that was sent has ended; `signal` ends what is under way as well. */
  async run(until: AbortSignal, signal: AbortSignal): Promise<void> {
    const { send, periodMs, clock, random } = this.#options
    const underWay = new Set<Promise<void>>()
    const beginMs = clock.nowMs()
    for (let turn = 0; !until.aborted && !signal.aborted; turn += 1) {
      const intendedMs = beginMs + (turn + 0.8 * random()) * periodMs
      const waitMs = intendedMs - clock.nowMs()
      if (waitMs > 0) await clock.sleep(waitMs, AbortSignal.any([until, signal])).catch(() => {})
      if (until.aborted || signal.aborted) break
      const { region } = this
      const countedMs = countedFromMs(intendedMs, clock.nowMs())
      if (underWay.size >= IN_FLIGHT_MAX) {
        this.#asked.push({ region, countedMs, failure: `not sent: ${IN_FLIGHT_MAX} were under way` })
        continue
      }
      const work = send(region, signal).then(
        () => {
          this.#asked.push({ region, countedMs, doneMs: clock.nowMs() })
        },
        (error: unknown) => {
          this.#asked.push({ region, countedMs, failure: error instanceof Error ? error.message : String(error) })
        },
      )
      underWay.add(work)
      void work.then(() => underWay.delete(work))
    }
    await Promise.all(underWay)
    signal.throwIfAborted()
  }
}
