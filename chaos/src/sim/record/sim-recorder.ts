import { Recorder } from '../../history/recorder.ts'
import type { HistoryEntry } from '../../history/event.ts'
import type { Life } from '../kernel/process.ts'
import type { Scheduler } from '../kernel/scheduler.ts'

const NS_PER_MS = 1e6

/** Recorder of a simulated world: true time, and every process under its own name and life. */
export class SimRecorder {
  readonly recorder: Recorder
  readonly #scheduler: Scheduler
  readonly #ends = new Set<Life>()

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
    this.recorder = new Recorder(() => this.nowNs(), { proc: 'world', pinc: 1 })
  }

  nowNs(): number {
    return Math.round(this.#scheduler.nowMs * NS_PER_MS)
  }

  record(entry: HistoryEntry, at?: number): void {
    this.recorder.record(entry, at)
  }

  /** In the name of a process. What comes of a life that has ended is not written: nobody could have written it. */
  by(life: Life, entry: HistoryEntry, at?: number): void {
    if (life.alive) this.recorder.of({ proc: life.process.name, pinc: life.number }).record(entry, at)
  }

  begin(life: Life): void {
    this.#ends.add(life)
    life.onEnd.add(() => this.#ends.delete(life))
    this.by(life, { kind: 'proc.start' })
  }

  /** It ends by itself, and says so. */
  end(life: Life): void {
    this.by(life, { kind: 'proc.end' })
    this.#ends.delete(life)
  }

  /** The orderly end of all that still lives. */
  endAll(): void {
    for (const life of this.#ends) this.by(life, { kind: 'proc.end' })
    this.#ends.clear()
  }
}
