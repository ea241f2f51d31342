/** How far back `LeastRecent` looks by default, ms. */
export const LEAST_WINDOW_MS = 60_000
export const LEAST_SAMPLES_MAX = 256

/** The smallest of the last figures: at most `samplesMax` of them, none older than `windowMs`. */
export class LeastRecent {
  readonly #windowMs: number
  readonly #samplesMax: number
  readonly #samples: { readonly atMs: number; readonly value: number }[] = []
  #next = 0

  /** @param options.windowMs default 60 s. @param options.samplesMax default 256. */
  constructor(options: { readonly windowMs?: number; readonly samplesMax?: number } = {}) {
    this.#windowMs = options.windowMs ?? LEAST_WINDOW_MS
    this.#samplesMax = options.samplesMax ?? LEAST_SAMPLES_MAX
  }

  /** @param atMs monotonic. @throws Error (assertion) for what is not a number from 0 up */
  record(atMs: number, value: number): void {
    if (!(value >= 0 && Number.isFinite(value))) throw new Error(`assertion: ${value} is no figure to be the least`)
    this.#samples[this.#next] = { atMs, value }
    this.#next = (this.#next + 1) % this.#samplesMax
  }

  /** Absent when there is none that is recent enough. */
  least(nowMs: number): number | undefined {
    let least: number | undefined
    for (const { atMs, value } of this.#samples) {
      if (nowMs - atMs <= this.#windowMs && (least === undefined || value < least)) least = value
    }
    return least
  }
}
