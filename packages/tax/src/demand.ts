/** As long as the placement holds its judgement: what it then acts on is mostly what happened since a shift. */
export const DEMAND_HALF_LIFE_MS = 30_000
/** How many commits are imagined, spread evenly, so that three commits are not taken for a majority. */
export const DEMAND_PRIOR_COMMITS = 10
export const DEMAND_REGIONS_MAX = 64

/** Commits by client region, each of which counts half as much after each half-life. */
export class Demand {
  readonly #nowMs: () => number
  readonly #halfLifeMs: number
  readonly #priorCommits: number
  readonly #weights = new Map<string, { readonly weight: number; readonly atMs: number }>()

  /**
   * @param options.nowMs monotonic.
   * @param options.halfLifeMs default 30 s.
   * @param options.priorCommits default 10; 0 makes the shares those of the commits alone.
   */
  constructor(options: { readonly nowMs: () => number; readonly halfLifeMs?: number; readonly priorCommits?: number }) {
    this.#nowMs = options.nowMs
    this.#halfLifeMs = options.halfLifeMs ?? DEMAND_HALF_LIFE_MS
    this.#priorCommits = options.priorCommits ?? DEMAND_PRIOR_COMMITS
  }

  /** Beyond DEMAND_REGIONS_MAX regions the lightest is forgotten. */
  record(region: string, commits = 1): void {
    const atMs = this.#nowMs()
    this.#weights.set(region, { weight: this.#weightOf(region, atMs) + commits, atMs })
    if (this.#weights.size <= DEMAND_REGIONS_MAX) return
    const [lightest] = [...this.commits()].sort(([, a], [, b]) => a - b)
    if (lightest !== undefined) this.#weights.delete(lightest[0])
  }

  /** Decayed commits by region: what servers tell each other, since these add up and shares do not. */
  commits(): Map<string, number> {
    const nowMs = this.#nowMs()
    return new Map([...this.#weights.keys()].map((region) => [region, this.#weightOf(region, nowMs)]))
  }

  /**
   * Shares of the demand by region, which add up to 1; empty when there is neither a commit nor a region.
   * @param regions over which the imagined commits are spread; without commits these have equal shares.
   * @param others what other servers saw, as `commits` tells it.
   */
  shares(regions: readonly string[] = [], others: readonly ReadonlyMap<string, number>[] = []): Map<string, number> {
    const sums = new Map(regions.map((region) => [region, this.#priorCommits / regions.length]))
    for (const seen of [this.commits(), ...others]) {
      for (const [region, commits] of seen) sums.set(region, (sums.get(region) ?? 0) + commits)
    }
    const total = [...sums.values()].reduce((sum, commits) => sum + commits, 0)
    if (total > 0) return new Map([...sums].map(([region, commits]) => [region, commits / total]))
    return new Map(regions.map((region) => [region, 1 / regions.length]))
  }

  #weightOf(region: string, nowMs: number): number {
    const known = this.#weights.get(region)
    return known === undefined ? 0 : known.weight * 0.5 ** ((nowMs - known.atMs) / this.#halfLifeMs)
  }
}
