import { CLOCK_GUARD_START, cleared, disagreement, step } from './clock-guard.ts'
import type { BootClock } from './boot-clock.ts'
import type { ClockGuard, ClockSample, ClockSuspect, ClockVerdict } from './clock-guard.ts'
import type { PhysicalClock } from './physical-clock.ts'

/** The clocks are sampled this often. */
export const CLOCK_SAMPLE_MS = 100

/** A sample whose reading took longer is taken anew: its parts are not of one moment. */
const READ_MS_MAX = 20
const READS_MAX = 3

/** The clock that leases run on; the `Clock` of `@meridian/loop` is one. */
export type MonotonicClock = {
  nowMs(): number
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

export type ClockGuardLoopOptions = {
  readonly clock: MonotonicClock
  readonly physical: PhysicalClock
  /** Default: none; then a suspend is told from the wall clock alone. */
  readonly boot?: BootClock
  /**
   * Called in the very turn of each jump, also while suspect: drop the leases, stop stamping, renew through consensus.
   * Must not throw.
   */
  readonly onSuspect: (verdict: ClockSuspect) => void
}

/**
 * Samples the clocks of this process and tells its owner when they disagree. The owner, for each jump: drops every
 * lease, counts no grant asked for before the jump, stops stamping, renews through consensus, and then calls `cleared`.
 *
 * Between two samples a jump is unseen for up to 100 ms, or as long as the event loop is busy, save for those who `look`
 * in the turn in which they rely on a clock.
 */
export class ClockGuardLoop {
  readonly #options: ClockGuardLoopOptions
  #guard: ClockGuard = CLOCK_GUARD_START

  constructor(options: ClockGuardLoopOptions) {
    this.#options = options
    this.sample()
  }

  get verdict(): ClockVerdict {
    return this.#guard.verdict
  }

  /** Jumps so far. Note it when sending what shall prove this process, and hand it to `cleared`. */
  get jumps(): number {
    return this.#guard.jumps
  }

  /** The wall clock for those who stamp: each reading looks first. */
  get physical(): PhysicalClock {
    return {
      nowMs: () => {
        this.look()
        return this.#options.physical.nowMs()
      },
    }
  }

  /** Samples until the signal; rejects with its reason. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#options.clock.sleep(CLOCK_SAMPLE_MS, signal)
      this.sample()
    }
  }

  /** Takes one sample of all clocks. */
  sample(): ClockVerdict {
    const sample = this.#read(this.#options.boot)
    return sample === undefined ? this.verdict : this.#take(sample)
  }

  /** Compares wall and monotonic clock with the last sample, at the cost of reading them. */
  look(): ClockVerdict {
    const sample = this.#read(undefined)
    if (sample === undefined || disagreement(this.#guard.window.slice(-1), sample) === undefined) return this.verdict
    return this.#take(sample)
  }

  /**
   * What was sent at `jumps` has been answered through consensus. False: the clocks jumped since, so that answer proves
   * nothing, and whoever was suspect still is.
   */
  cleared(jumps: number): boolean {
    this.#guard = cleared(this.#guard, jumps)
    return this.#guard.verdict.kind === 'quiet'
  }

  #take(sample: ClockSample): ClockVerdict {
    const before = this.#guard.jumps
    const [guard, verdict] = step(this.#guard, sample)
    this.#guard = guard
    if (verdict.kind === 'suspect' && guard.jumps > before) this.#options.onSuspect(verdict)
    return verdict
  }

  /**
   * Undefined when the process was interrupted in each attempt: the next sample is compared with the same ones, so
   * nothing is missed by it, only noticed later.
   */
  #read(boot: BootClock | undefined): ClockSample | undefined {
    const { clock, physical } = this.#options
    for (let reads = 0; reads < READS_MAX; reads++) {
      const monotonicMs = clock.nowMs()
      const sample = { wallMs: physical.nowMs(), monotonicMs, bootMs: boot?.nowMs() }
      if (clock.nowMs() - monotonicMs <= READ_MS_MAX) return sample
    }
    return undefined
  }
}
