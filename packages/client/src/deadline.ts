import type { Clock } from '@meridian/loop'

/** A caller's patience: how much is left, and the signal that ends everything under it. Disposed when the caller is done. */
export class Deadline implements Disposable {
  readonly #clock: Clock
  readonly #untilMs: number
  readonly #done = new AbortController()
  readonly signal: AbortSignal

  constructor(clock: Clock, timeoutMs: number, signal?: AbortSignal) {
    this.#clock = clock
    this.#untilMs = clock.nowMs() + timeoutMs
    const late = new AbortController()
    clock.sleep(timeoutMs, this.#done.signal).then(
      () => late.abort(new DOMException('The deadline has passed.', 'TimeoutError')),
      () => {}, // done first
    )
    this.signal = signal === undefined ? late.signal : AbortSignal.any([late.signal, signal])
  }

  get remainingMs(): number {
    return Math.max(0, this.#untilMs - this.#clock.nowMs())
  }

  get passed(): boolean {
    return this.signal.aborted || this.remainingMs <= 0
  }

  [Symbol.dispose](): void {
    this.#done.abort()
  }
}
