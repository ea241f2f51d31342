import type { RangeLoad } from '@meridian/api'
import { withTimeLimit } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import { isMeridianError, rangeIsOpen } from '@meridian/topology'
import type { Generation, RangeDescriptor, RangeId, RegionId, ShardId } from '@meridian/topology'
import type { RegionSight } from './region-sights.ts'

/** Pause between two rounds, ms. */
const ROUND_EVERY_MS = 5000
/** Shards that one round asks about: whatever there is, a server asks no more. The next round goes on behind them. */
const ROUND_SHARDS_MAX = 2048
/** Shards that one question names. */
const ASK_SHARDS_MAX = 512
/** Patience for one node's answer, ms. */
const ASK_MS_MAX = 2000
/** What was heard longer ago than this is not told, ms. */
const LOAD_AGE_MS_MAX = 120_000

/** Where a range is led and copied, and at which addresses that can be asked. */
export interface RangePlaces {
  readonly generation: Generation
  readonly shards: readonly ShardPlaces[]
}

export interface ShardPlaces {
  readonly shardId: ShardId
  /** Undefined: nobody leads it, or nobody knows where. */
  readonly leader: string | undefined
  /** Addresses of each standby region's replicas; undefined: not known. */
  readonly standbys: ReadonlyMap<RegionId, readonly (string | undefined)[]>
}

/** How far one replica is. */
export interface LogPosition {
  readonly shardId: string
  readonly lastIndex: bigint
  readonly commitIndex: bigint
}

/** Positions by address, then by shard. */
export type Heard = ReadonlyMap<string, ReadonlyMap<string, LogPosition>>

export interface RangeLoadsOptions {
  readonly ranges: () => readonly RangeDescriptor[]
  readonly places: (range: RangeDescriptor) => RangePlaces | undefined
  readonly ask: (address: string, shards: readonly ShardId[], signal: AbortSignal) => Promise<readonly LogPosition[]>
  readonly clock: Clock
  readonly log: Logger
}

interface Sample extends RangeLoad {
  readonly atMs: number
  readonly generation: Generation
  /** Commit index of each shard whose leader told. */
  readonly commits: ReadonlyMap<ShardId, bigint>
}

/**
 * What ranges are written and how far their copies lag, from what nodes tell of their logs: asked in the background, so
 * much at a time whatever the size of the fleet. For order and for people; nothing safe rests on it.
 */
export class RangeLoads {
  readonly #options: RangeLoadsOptions
  #samples = new Map<RangeId, Sample>()
  /** Range after which the next round goes on. */
  #cursor: RangeId | undefined

  constructor(options: RangeLoadsOptions) {
    this.#options = options
  }

  load(range: RangeId): RangeLoad | undefined {
    const sample = this.#samples.get(range)
    if (sample === undefined || this.#options.clock.nowMs() - sample.atMs > LOAD_AGE_MS_MAX) return undefined
    return sample
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    while (!signal.aborted) {
      await this.round(signal)
      await clock.sleep(ROUND_EVERY_MS, signal).catch(() => {})
    }
  }

  /** Asks about the next so many shards. */
  async round(signal: AbortSignal): Promise<void> {
    const { clock, ranges, places } = this.#options
    const open = ranges().filter(rangeIsOpen)
    const chosen: { range: RangeDescriptor; at: RangePlaces }[] = []
    let shards = 0
    const from = open.findIndex(({ rangeId }) => rangeId === this.#cursor) + 1
    for (const range of [...open.slice(from), ...open.slice(0, from)]) {
      const at = places(range)
      if (at === undefined) continue
      if (shards > 0 && shards + at.shards.length > ROUND_SHARDS_MAX) break
      shards += at.shards.length
      chosen.push({ range, at })
      this.#cursor = range.rangeId
    }
    const heard = await this.#hear(
      chosen.map(({ at }) => at),
      signal,
    )
    if (signal.aborted) return
    const known = new Set(open.map(({ rangeId }) => rangeId))
    this.#samples = new Map([...this.#samples].filter(([id]) => known.has(id)))
    for (const { range, at } of chosen) {
      const sample = sampleOf(at, heard, clock.nowMs(), this.#samples.get(range.rangeId))
      if (sample !== undefined) this.#samples.set(range.rangeId, sample)
    }
  }

  async #hear(places: readonly RangePlaces[], signal: AbortSignal): Promise<Heard> {
    const { clock, ask, log } = this.#options
    const heard = new Map<string, Map<string, LogPosition>>()
    const questions = [...asked(places)].map(async ([address, shards]) => {
      const told = new Map<string, LogPosition>()
      heard.set(address, told)
      try {
        for (let at = 0; at < shards.length; at += ASK_SHARDS_MAX) {
          const part = shards.slice(at, at + ASK_SHARDS_MAX)
          const positions = await withTimeLimit(clock, ASK_MS_MAX, (late) => ask(address, part, late), signal)
          for (const position of positions) told.set(position.shardId, position)
        }
      } catch (error) {
        if (signal.aborted) return
        if (!isMeridianError(error)) throw error
        log.debug({ err: error, address }, 'positions not told')
      }
    })
    await Promise.all(questions)
    return heard
  }
}

/** Which shards each address is asked about. */
function asked(places: readonly RangePlaces[]): ReadonlyMap<string, readonly ShardId[]> {
  const shardsOf = new Map<string, Set<ShardId>>()
  const ask = (address: string | undefined, shard: ShardId): void => {
    if (address === undefined) return
    const shards = shardsOf.get(address) ?? new Set()
    shardsOf.set(address, shards.add(shard))
  }
  for (const { shards } of places) {
    for (const { shardId, leader, standbys } of shards) {
      ask(leader, shardId)
      for (const replicas of standbys.values()) for (const replica of replicas) ask(replica, shardId)
    }
  }
  return new Map([...shardsOf].map(([address, shards]) => [address, [...shards]]))
}

/** Undefined when no leader told anything. */
export function sampleOf(
  { generation, shards }: RangePlaces,
  heard: Heard,
  atMs: number,
  before: Sample | undefined,
): Sample | undefined {
  const commits = new Map<ShardId, bigint>()
  for (const { shardId, leader } of shards) {
    const told = leader === undefined ? undefined : heard.get(leader)?.get(shardId)
    if (told !== undefined) commits.set(shardId, told.commitIndex)
  }
  if (commits.size === 0) return undefined
  const regions = new Set(shards.flatMap(({ standbys }) => [...standbys.keys()]))
  const lagEntries = new Map<RegionId, bigint>()
  for (const region of regions) {
    const lag = lagOf(region, shards, commits, heard)
    if (lag !== undefined) lagEntries.set(region, lag)
  }
  const writesPerS = before?.generation === generation ? rateOf(before, commits, atMs) : undefined
  return { atMs, generation, commits, lagEntries, writesPerS: writesPerS ?? before?.writesPerS ?? 0 }
}

function rateOf(before: Sample, commits: ReadonlyMap<ShardId, bigint>, atMs: number): number | undefined {
  const seconds = (atMs - before.atMs) / 1000
  if (seconds <= 0) return undefined
  let entries = 0
  for (const [shard, commit] of commits) {
    const old = before.commits.get(shard)
    if (old !== undefined && commit > old) entries += Number(commit - old)
  }
  return entries / seconds
}

/** What a quorum of the region's replicas lacks, over all shards; undefined when of some shard too few told. */
function lagOf(
  region: RegionId,
  shards: readonly ShardPlaces[],
  commits: ReadonlyMap<ShardId, bigint>,
  heard: Heard,
): bigint | undefined {
  let lag = 0n
  for (const { shardId, standbys } of shards) {
    const commit = commits.get(shardId)
    const replicas = standbys.get(region) ?? []
    const held = replicas
      .flatMap((address) => {
        const told = address === undefined ? undefined : heard.get(address)?.get(shardId)
        return told === undefined ? [] : [told.lastIndex]
      })
      .toSorted((a, b) => Number(b - a))
    const quorum = held[Math.floor(replicas.length / 2)]
    if (commit === undefined || quorum === undefined) return undefined
    if (commit > quorum) lag += commit - quorum
  }
  return lag
}

/** From the pages of its generation. */
export function placesIn(
  sightOf: (region: RegionId) => RegionSight,
): (range: RangeDescriptor) => RangePlaces | undefined {
  return ({ rangeId, generation, owner, standbys }) => {
    const home = sightOf(owner)
    const page = home.page(rangeId)
    if (page?.role !== 'owner' || page.generation !== generation) return undefined
    const copies = standbys.flatMap((region) => {
      const sight = sightOf(region)
      const copy = sight.page(rangeId)
      if (copy?.role !== 'standby' || copy.generation !== generation) return []
      return [{ region, sight, replicas: new Map(copy.shards.map((shard) => [shard.shardId, shard.replicas])) }]
    })
    return {
      generation,
      shards: page.shards.map((shard) => ({
        shardId: shard.shardId,
        leader: shard.status === 'assigned' ? home.addressOf(shard.leader) : undefined,
        standbys: new Map(
          copies.map(({ region, sight, replicas }) => [
            region,
            (replicas.get(shard.shardId) ?? []).map((node) => sight.addressOf(node)),
          ]),
        ),
      })),
    }
  }
}
