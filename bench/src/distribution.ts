/** A few figures of many samples, in the samples' own unit. */
export interface Distribution {
  readonly count: number
  readonly p50: number
  /** With fewer than 100 samples this is the largest one. */
  readonly p99: number
  readonly max: number
}

/** @throws Error (assertion) for no samples: a figure of nothing would read like a measurement */
export function distributionOf(samples: readonly number[]): Distribution {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (share: number): number => {
    const value = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
    if (value === undefined) throw new Error('assertion: a distribution of no samples')
    return value
  }
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}
