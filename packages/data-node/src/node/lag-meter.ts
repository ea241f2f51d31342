import type { Clock } from '@meridian/loop'

/** How late this process gets to run what it wanted to run: a node that hardly runs must not look alive. */
export class LagMeter {
  readonly #clock: Clock
  readonly #everyMs: number
  #sampledMs: number
  #overshootMs = 0

  constructor(clock: Clock, everyMs: number) {
    this.#clock = clock
    this.#everyMs = everyMs
    this.#sampledMs = clock.nowMs()
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      this.#sampledMs = this.#clock.nowMs()
      await this.#clock.sleep(this.#everyMs, signal)
      this.#overshootMs = this.#clock.nowMs() - this.#sampledMs - this.#everyMs
    }
  }

  /** Of the last sleep, or of the one that has not ended yet. */
  lagMs(nowMs: number): number {
    return Math.max(this.#overshootMs, nowMs - this.#sampledMs - this.#everyMs)
  }
}
