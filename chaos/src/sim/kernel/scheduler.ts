import type { SimRandom } from './random.ts'
import { TraceHash } from './trace-hash.ts'

export interface Timer {
  cancel(): void
}

class Event implements Timer {
  readonly atMs: number
  readonly tie: number
  readonly order: number
  readonly label: string
  run: (() => void) | undefined

  constructor(atMs: number, tie: number, order: number, label: string, run: () => void) {
    this.atMs = atMs
    this.tie = tie
    this.order = order
    this.label = label
    this.run = run
  }

  cancel(): void {
    this.run = undefined
  }
}

const before = (a: Event, b: Event): boolean =>
  a.atMs !== b.atMs ? a.atMs < b.atMs : a.tie !== b.tie ? a.tie < b.tie : a.order < b.order

/**
 * Virtual time and everything that will happen in it. One event at a time: it runs, then every promise that it settled
 * has its say, then the next. What is due at one instant comes in an order drawn from the seed.
 */
export class Scheduler {
  readonly trace = new TraceHash()
  readonly #ties: SimRandom
  readonly #heap: Event[] = []
  #nowMs = 0
  #orders = 0
  #fired = 0

  constructor(ties: SimRandom) {
    this.#ties = ties
  }

  /** Milliseconds since the world began: the true time, which no process sees. */
  get nowMs(): number {
    return this.#nowMs
  }

  get fired(): number {
    return this.#fired
  }

  /** @param label what it is, for the trace: two runs of one seed have the same labels at the same times */
  after(ms: number, label: string, run: () => void): Timer {
    const event = new Event(this.#nowMs + Math.max(0, ms), this.#ties.next(), this.#orders++, label, run)
    this.#push(event)
    return event
  }

  /** Runs until `untilMs` or until `done`; resolves when the world is quiet after the last event. */
  run(untilMs: number, done: () => boolean = () => false): Promise<void> {
    return new Promise((resolve, reject) => {
      const turn = (): void => {
        try {
          const event = done() ? undefined : this.#pop(untilMs)
          if (event === undefined) {
            if (!done()) this.#nowMs = Math.max(this.#nowMs, untilMs)
            resolve()
            return
          }
          this.#nowMs = event.atMs
          this.#fired += 1
          this.trace.event(event.atMs, event.label)
          event.run?.()
          // By the next turn of the event loop every microtask has run: nothing of this simulation waits for more.
          setImmediate(turn)
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      }
      setImmediate(turn)
    })
  }

  #push(event: Event): void {
    const heap = this.#heap
    let at = heap.length
    heap.push(event)
    while (at > 0) {
      const up = (at - 1) >> 1
      const parent = heap[up]
      if (parent === undefined || !before(event, parent)) break
      heap[at] = parent
      at = up
    }
    heap[at] = event
  }

  /** The next event that was not cancelled, if it is due by then. */
  #pop(untilMs: number): Event | undefined {
    for (;;) {
      const [first] = this.#heap
      if (first === undefined || (first.run !== undefined && first.atMs > untilMs)) return undefined
      this.#dropFirst()
      if (first.run !== undefined) return first
    }
  }

  #dropFirst(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let down = 2 * at + 1
      const [left, right] = [heap[down], heap[down + 1]]
      if (left === undefined) break
      let child = left
      if (right !== undefined && before(right, left)) {
        child = right
        down += 1
      }
      if (!before(child, last)) break
      heap[at] = child
      at = down
    }
    heap[at] = last
  }
}
