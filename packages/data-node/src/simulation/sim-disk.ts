import { DurableImage } from '../replica/durable-image.ts'
import type { Quarantined } from '../replica/quarantine.ts'
import type { DurableShard } from '../replica/replica-state.ts'
import type { EventQueue } from './event-queue.ts'

const FLUSH_MS_MAX = 6

interface Write {
  readonly apply: (image: DurableImage) => void
  readonly done: () => void
}

/** A disk that makes durable what it was handed since the last flush, all of it at once, a little later. */
export class SimDisk {
  readonly #queue: EventQueue
  readonly #random: { next(): number; int(n: number): number }
  /** Runs a flush when the process may run, if it is still the same life. */
  readonly #whenRunning: (run: () => void) => void
  readonly #image = new DurableImage()
  #waiting: Write[] = []
  #flushing = false
  #crashes = 0

  constructor(
    queue: EventQueue,
    random: { next(): number; int(n: number): number },
    whenRunning: (run: () => void) => void,
  ) {
    this.#queue = queue
    this.#random = random
    this.#whenRunning = whenRunning
  }

  get shard(): DurableShard {
    return this.#image.shard
  }

  get quarantine(): readonly Quarantined[] {
    return this.#image.quarantine
  }

  /** Loses what waits, but for a random prefix. */
  crash(): void {
    const kept = this.#random.int(this.#waiting.length + 1)
    for (const write of this.#waiting.slice(0, kept)) write.apply(this.#image)
    this.#image.restarted()
    this.#waiting = []
    this.#flushing = false
    this.#crashes += 1
  }

  write(apply: (image: DurableImage) => void, done: () => void): void {
    this.#waiting.push({ apply, done })
    if (this.#flushing) return
    this.#flushing = true
    const crashes = this.#crashes
    this.#queue.after(this.#random.next() * FLUSH_MS_MAX, () => {
      this.#whenRunning(() => {
        if (this.#crashes === crashes) this.#flush(crashes)
      })
    })
  }

  #flush(crashes: number): void {
    const batch = this.#waiting
    this.#waiting = []
    this.#flushing = false
    for (const write of batch) write.apply(this.#image)
    for (const write of batch) if (this.#crashes === crashes) write.done()
  }
}
