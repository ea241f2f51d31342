import type { BootClock, PhysicalClock } from '@meridian/hlc'
import type { Scheduler, Timer } from './scheduler.ts'

/** What the wall showed when the world began, ms since the epoch. */
export const EPOCH_MS = 1_800_000_000_000

interface Sleeper {
  readonly dueMs: number
  readonly wake: () => void
  timer: Timer | undefined
}

/**
 * The clocks of one machine: monotonic time at a rate of its own, the wall beside it, and what is woken by them. Faults
 * bend them; true time stays the scheduler's.
 */
export class Machine {
  readonly name: string
  readonly #scheduler: Scheduler
  readonly #sleepers = new Set<Sleeper>()
  /** Monotonic time, and time that only wall and boot clock counted, as of `#baseTrueMs`. */
  #baseMs: number
  #hiddenMs = 0
  #baseTrueMs = 0
  #rate = 1
  #frozen: 'no' | 'seen' | 'unseen' = 'no'
  #wallOffsetMs: number

  /** @param originMs where its monotonic clock stood when the world began, which is nobody's business */
  constructor(scheduler: Scheduler, name: string, originMs: number, wallOffsetMs: number) {
    this.#scheduler = scheduler
    this.name = name
    this.#baseMs = originMs
    this.#wallOffsetMs = EPOCH_MS + wallOffsetMs - originMs
  }

  nowMs(): number {
    return this.#frozen === 'no' ? this.#baseMs + this.#passedMs() : this.#baseMs
  }

  /** Counts time for which the monotonic clock stood still, unless nothing of the machine noticed. */
  readonly boot: BootClock = { nowMs: () => this.#bootMs() }

  readonly wall: PhysicalClock = { nowMs: () => this.#bootMs() + this.#wallOffsetMs }

  /** As seen from now on; the clock goes on from where it stands. */
  setRate(rate: number): void {
    this.#rebase()
    this.#rate = rate
    this.#reschedule()
  }

  /**
   * The monotonic clock stands still and nothing is woken, while messages still come and code still runs. `seen`: wall
   * and boot clock go on, as over a suspend; `unseen`: all clocks stand, as in a frozen virtual machine.
   */
  freeze(how: 'seen' | 'unseen'): void {
    this.#rebase()
    this.#frozen = how
    this.#reschedule()
  }

  thaw(): void {
    this.#rebase()
    this.#frozen = 'no'
    this.#reschedule()
  }

  /** The wall alone jumps. */
  stepWall(byMs: number): void {
    this.#wallOffsetMs += byMs
  }

  /** Calls `wake` once the monotonic clock shows `dueMs`; returns the way to stop that. */
  wakeAt(dueMs: number, wake: () => void): () => void {
    const sleeper: Sleeper = { dueMs, wake, timer: undefined }
    this.#sleepers.add(sleeper)
    this.#arm(sleeper)
    return () => {
      sleeper.timer?.cancel()
      this.#sleepers.delete(sleeper)
    }
  }

  #arm(sleeper: Sleeper): void {
    sleeper.timer?.cancel()
    sleeper.timer = undefined
    if (this.#frozen !== 'no') return
    const leftMs = (sleeper.dueMs - this.nowMs()) / this.#rate
    sleeper.timer = this.#scheduler.after(leftMs, this.name, () => {
      this.#sleepers.delete(sleeper)
      sleeper.wake()
    })
  }

  #bootMs(): number {
    return this.nowMs() + this.#hiddenMs + (this.#frozen === 'seen' ? this.#passedMs() : 0)
  }

  #passedMs(): number {
    return (this.#scheduler.nowMs - this.#baseTrueMs) * this.#rate
  }

  #rebase(): void {
    if (this.#frozen === 'no') this.#baseMs += this.#passedMs()
    else if (this.#frozen === 'seen') this.#hiddenMs += this.#passedMs()
    this.#baseTrueMs = this.#scheduler.nowMs
  }

  #reschedule(): void {
    for (const sleeper of this.#sleepers) this.#arm(sleeper)
  }
}
