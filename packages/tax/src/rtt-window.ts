export const RTT_WINDOW_MS = 60_000
export const RTT_SAMPLES_MAX = 256

/** One answered probe. */
export interface RttSample {
  /** When the answer came, monotonic ms of the source. */
  readonly atMs: number
  /** By the monotonic clock of the source. */
  readonly rttMs: number
  /** Wall clock of the source when it sent the probe, microseconds since the epoch. */
  readonly sentUs: bigint
  /** Wall clock of the target when it received it, microseconds since the epoch; not trusted to be sane. */
  readonly receivedUs: bigint
}

export interface RttSummary {
  /** What distance and links cost without queues. */
  readonly minMs: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly samples: number
  /**
   * The way there alone: the difference of the two wall clocks over the fastest probe, kept within 0 and `minMs`, where
   * the truth lies whatever the clocks say. It is no better than the clocks agree.
   */
  readonly oneWayMs: number
  /**
   * Half of `minMs`: clocks that nobody else compares leave open every split of the round trip, `oneWayErrorMs` to either
   * side of the middle. A `oneWayMs` at one end of that says that the clocks differ, not that the link is one-sided.
   */
  readonly oneWayErrorMs: number
  /** How far the target's clock is ahead if both ways take the same time; true within `oneWayErrorMs`. */
  readonly clockOffsetMs: number
  /** Since the newest sample. */
  readonly ageMs: number
}

/** The last answered probes of one ordered pair of regions: at most `samplesMax`, none older than `windowMs`. */
export class RttWindow {
  readonly #windowMs: number
  readonly #samplesMax: number
  #samples: RttSample[] = []
  #next = 0

  /** @param options.windowMs default 60 s. @param options.samplesMax default 256. */
  constructor(options: { readonly windowMs?: number; readonly samplesMax?: number } = {}) {
    this.#windowMs = options.windowMs ?? RTT_WINDOW_MS
    this.#samplesMax = options.samplesMax ?? RTT_SAMPLES_MAX
  }

  record(sample: RttSample): void {
    if (!(sample.rttMs >= 0 && Number.isFinite(sample.rttMs)))
      throw new Error(`assertion: a round trip of ${sample.rttMs} ms by a monotonic clock`)
    this.#samples[this.#next] = sample
    this.#next = (this.#next + 1) % this.#samplesMax
  }

  /** Absent when the window holds no sample: a figure of nothing would read like a measurement. */
  summary(nowMs: number): RttSummary | undefined {
    const live = this.#samples.filter((sample) => nowMs - sample.atMs <= this.#windowMs)
    const sorted = live.toSorted((a, b) => a.rttMs - b.rttMs)
    const [fastest] = sorted
    if (fastest === undefined) return undefined
    const at = (share: number): number => (sorted[Math.ceil(share * sorted.length) - 1] ?? fastest).rttMs
    const minMs = fastest.rttMs
    const differenceMs = Number(fastest.receivedUs - fastest.sentUs) / 1000
    return {
      minMs,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
      samples: sorted.length,
      oneWayMs: Math.min(minMs, Math.max(0, differenceMs)),
      oneWayErrorMs: minMs / 2,
      clockOffsetMs: differenceMs - minMs / 2,
      ageMs: Math.max(0, nowMs - Math.max(...live.map((sample) => sample.atMs))),
    }
  }
}
