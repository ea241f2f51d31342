import type { Clock } from '@meridian/loop'

/** A caller's patience: how much is left, and the signal that ends everything under it. */
export class Deadline {
  readonly #clock: Clock
  readonly #untilMs: number
  readonly signal: AbortSignal

  constructor(clock: Clock, timeoutMs: number, signal?: AbortSignal) {
    this.#clock = clock
    this.#untilMs = clock.nowMs() + timeoutMs
    const timeout = AbortSignal.timeout(Math.ceil(timeoutMs))
    this.signal = signal === undefined ? timeout : AbortSignal.any([timeout, signal])
  }

  get remainingMs(): number {
    return Math.max(0, this.#untilMs - this.#clock.nowMs())
  }

  get passed(): boolean {
    return this.signal.aborted || this.remainingMs <= 0
  }
}
