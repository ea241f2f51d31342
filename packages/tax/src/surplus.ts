/** Operations of one kind under one leader. */
export interface SurplusSample {
  readonly count: number
  readonly p50Ms: number
  /** Mean of their floors. */
  readonly floorMs: number
}

/** Servers heard of, at most: one that is told of beyond is not counted. */
export const SURPLUS_SOURCES_MAX = 256

/**
 * What commits take beyond their floors, ms: disks, processes, and the calls between them, as servers have measured it. It
 * hardly depends on who leads, so it moves no leader; but a floor is what a commit takes at least, and with it what it is
 * expected to take. What lies between a client and its server is in neither.
 */
export class Surplus {
  readonly #sources = new Map<string, { readonly commits: number; readonly sumMs: number }>()

  /** Replaces what the source told before: counts are since it started. */
  told(source: string, samples: readonly SurplusSample[]): void {
    const commits = samples.reduce((sum, { count }) => sum + count, 0)
    const sumMs = samples.reduce((sum, { count, p50Ms, floorMs }) => sum + count * (p50Ms - floorMs), 0)
    if (commits === 0) this.#sources.delete(source)
    else if (this.#sources.has(source) || this.#sources.size < SURPLUS_SOURCES_MAX) {
      this.#sources.set(source, { commits, sumMs })
    }
  }

  /** Mean over all commits told of; undefined before the first. */
  get ms(): number | undefined {
    let commits = 0
    let sumMs = 0
    for (const each of this.#sources.values()) {
      commits += each.commits
      sumMs += each.sumMs
    }
    return commits === 0 ? undefined : sumMs / commits
  }
}
