/** How long things may take, milliseconds unless said otherwise; the numbers of safety 3.3 under the constants of 4.0. */
export interface Bounds {
  /** J1: a regional, and the global, controller or store acts again. */
  readonly actingRegionMs: number
  readonly actingGlobalMs: number
  /** J2: shards of a dead node are writable. */
  readonly shardsMs: number
  /** J3: the first shard of a dead region is writable elsewhere, and the last. */
  readonly firstOfRegionMs: number
  readonly allOfRegionMs: number
  /** J4: no writes of a shard while its range is handed over. */
  readonly transferGapMs: number
  /** J5: a commit is in all maps: 99 of 100 when nothing is wrong, all after a heal. */
  readonly seenMs: number
  readonly seenHealedMs: number
  /** J6: a request that went astray, from its refusal on. */
  readonly redirectMs: number
  readonly redirectAttempts: number
  /** J7: a planned move is committed or aborted. */
  readonly limboMs: number
  /** J8: what an aborted move froze takes writes. */
  readonly thawMs: number
}

export const BOUNDS: Bounds = {
  actingRegionMs: 5_000,
  actingGlobalMs: 6_000,
  shardsMs: 10_000,
  firstOfRegionMs: 15_000,
  allOfRegionMs: 60_000,
  transferGapMs: 2_000,
  seenMs: 1_000,
  seenHealedMs: 3_000,
  redirectMs: 200,
  redirectAttempts: 2,
  limboMs: 60_000,
  thawMs: 10_000,
}
