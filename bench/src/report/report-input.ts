/** A place, as the run's topology gives it. Coordinates may be missing where a user supplied only round trips. */
export interface RegionPlace {
  readonly id: string
  readonly displayName: string
  /** Degrees; south and west are negative. */
  readonly latitude: number | null
  readonly longitude: number | null
}

export interface MachineFacts {
  readonly cpu: string
  readonly cores: number
  readonly memoryGb: number
  readonly kernel: string
  readonly node: string
  readonly etcd: string
  readonly fsyncP50Ms: number
  readonly fsyncP99Ms: number
}

/** One link, measured through the very chain the operations take. Either direction, or both. */
export interface CalibratedLink {
  readonly source: string
  readonly target: string
  readonly nominalMs: number
  readonly measuredMs: number
}

/** First line of a results file. */
export interface RunHeader {
  readonly kind: 'run'
  readonly topology: string
  readonly commit: string
  readonly date: string
  readonly machine: MachineFacts
  readonly parameters: Readonly<Record<string, unknown>>
  readonly regions: readonly RegionPlace[]
  readonly calibration: readonly CalibratedLink[]
}

/**
 * One cell of one operation. Null where nothing was measured: a cell without that run, or a ratio over a floor of 0.
 *
 * The four runs: *direct* (no proxy), *proxied* (proxies at 0 ms), *raw* (etcd alone, delayed), *ours* (the product's
 * API, delayed).
 */
export interface CellLine {
  readonly topology: string
  readonly operation: string
  readonly leaderRegion: string
  readonly clientRegion: string
  /** With distance from calibrated round trips, so it holds what the emulation adds to each link. */
  readonly floorMs: number | null
  /** What it is made of. */
  readonly floorReason: string
  readonly directP50Ms: number | null
  readonly proxiedP50Ms: number | null
  readonly rawP50Ms: number | null
  readonly rawP99Ms: number | null
  readonly oursP50Ms: number | null
  readonly oursP99Ms: number | null
  readonly taxRatio: number | null
  readonly count: number
  readonly largestGapMs: number | null
  /** Why the cell must not be used, or null. */
  readonly rejected: string | null
}

export interface Results {
  readonly run: RunHeader
  readonly lines: readonly CellLine[]
}
