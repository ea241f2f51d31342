import type { Clock } from './clock.ts'

interface Sleeper {
  readonly wakeMs: number
  readonly wake: () => void
}

/** A clock that moves only when told: `advance` wakes sleepers in the order of their wake times. */
export class ManualClock implements Clock {
  #nowMs = 0
  #sleepers: Sleeper[] = []

  nowMs(): number {
    return this.#nowMs
  }

  get sleeping(): number {
    return this.#sleepers.length
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      const abort = () => {
        this.#sleepers = this.#sleepers.filter((other) => other !== sleeper)
        reject(signal?.reason)
      }
      const wake = () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      }
      const sleeper: Sleeper = { wakeMs: this.#nowMs + ms, wake }
      this.#sleepers.push(sleeper)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  /** Moves time by `ms`, waking sleepers one by one and letting what they resume run up to its next await. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const next = this.#sleepers.filter((sleeper) => sleeper.wakeMs <= untilMs).sort((a, b) => a.wakeMs - b.wakeMs)[0]
      if (next === undefined) break
      this.#sleepers = this.#sleepers.filter((sleeper) => sleeper !== next)
      this.#nowMs = Math.max(this.#nowMs, next.wakeMs)
      next.wake()
      await new Promise((resolve) => setImmediate(resolve))
    }
    this.#nowMs = untilMs
    await new Promise((resolve) => setImmediate(resolve))
  }
}
