import { GlobalMap, shardEnd, shardIndexOf, shardToken, token } from '@meridian/topology'
import type { Key, KeyspaceName, Page, RegionId, Shard, Token } from '@meridian/topology'
import type { ShardRecord } from '@meridian/protocol'
import { AdoptedRecords } from './adopted-records.ts'
import { RegionMap } from './region-map.ts'
import type { Route, RouteResult } from './route.ts'

/**
 * The whole map, joined. The two tiers have no common order, so they are joined on the generation: a page counts only
 * while it names the very generation its range has (safety I26). A page behind means that the range is in transition;
 * a page ahead that the global stream is behind; both mean "no route yet", never a wrong one.
 */
export class RouteMap {
  readonly global = new GlobalMap()
  readonly #regions = new Map<RegionId, RegionMap>()
  readonly #adopted = new AdoptedRecords()

  region(region: RegionId): RegionMap {
    let map = this.#regions.get(region)
    if (map === undefined) {
      map = new RegionMap(region)
      this.#regions.set(region, map)
    }
    return map
  }

  route(keyspace: KeyspaceName, key: Key): RouteResult {
    const mapped = this.#mapped(keyspace, key)
    if (this.#adopted.size === 0) return mapped
    const adopted = this.#adopted.find(keyspace, key, this.#tokenOf(keyspace, key))
    return adopted === undefined ? mapped : { ok: true, route: adopted }
  }

  /**
   * A route to each replica of the shard of `key` that is up, in whatever region: `leader` is the replica. Only for reads
   * that may be stale, for which no token counts. Empty when none is known.
   */
  replicas(keyspace: KeyspaceName, key: Key): readonly Route[] {
    const range = this.global.ranges.find(keyspace, key)
    if (range === undefined) return []
    const routes: Route[] = []
    for (const regional of this.#regions.values()) {
      const page = regional.pages.get(range.rangeId)
      if (page === undefined || page.generation !== range.generation) continue
      const index = shardIndexOf(page, key)
      const shard = page.shards[index]
      for (const leader of shard?.replicas ?? []) {
        const node = regional.nodes.get(leader)
        if (shard === undefined || node?.status !== 'up' || node.address === '') continue
        const { address } = node
        routes.push({ ...routeOf(keyspace, regional.region, page, index, shard), leader, address })
      }
    }
    return routes
  }

  /** Takes the newer record that came with a refusal. True when it was news. */
  adopt(record: ShardRecord): boolean {
    return this.#adopted.adopt(record, (keyspace, key) => this.#tokenOf(keyspace, key))
  }

  /** To be called after each change of the maps. */
  changed(): void {
    this.#prune()
  }

  #prune(): void {
    this.#adopted.prune((keyspace, key) => this.#tokenOf(keyspace, key))
  }

  /**
   * The token the map itself has for `key`, leader or not. Before the page of its generation has come it is one below all of
   * that generation's: what was learned under an earlier one is over.
   */
  #tokenOf(keyspace: KeyspaceName, key: Key): Token | undefined {
    const range = this.global.ranges.find(keyspace, key)
    if (range === undefined) return undefined
    const page = this.#regions.get(range.owner)?.pages.get(range.rangeId)
    if (page === undefined || page.generation !== range.generation) return token(range.generation, 0)
    const shard = page.shards[shardIndexOf(page, key)]
    return shard === undefined ? undefined : shardToken(page, shard)
  }

  #mapped(keyspace: KeyspaceName, key: Key): RouteResult {
    const range = this.global.ranges.find(keyspace, key)
    if (range === undefined) return { ok: false, reason: 'keyspace-unknown', region: undefined }
    if (range.status === 'vacant') return { ok: false, reason: 'vacant', region: range.owner }
    const regional = this.#regions.get(range.owner)
    const page = regional?.pages.get(range.rangeId)
    if (regional === undefined || page === undefined || page.generation !== range.generation) {
      return { ok: false, reason: 'in-transition', region: range.owner }
    }
    const index = shardIndexOf(page, key)
    const shard = page.shards[index]
    if (shard === undefined) throw new Error(`page ${page.rangeId} has no shard ${index}`)
    const address = shard.status === 'assigned' ? regional.nodes.get(shard.leader)?.address : undefined
    if (shard.status !== 'assigned' || address === undefined)
      return { ok: false, reason: 'leaderless', region: range.owner }
    return {
      ok: true,
      route: { ...routeOf(keyspace, range.owner, page, index, shard), leader: shard.leader, address },
    }
  }
}

function routeOf(
  keyspace: KeyspaceName,
  region: RegionId,
  page: Page,
  index: number,
  shard: Shard,
): Omit<Route, 'leader' | 'address'> {
  const { shardId, start } = shard
  const { rangeId } = page
  return { keyspace, region, rangeId, shardId, start, end: shardEnd(page, index), token: shardToken(page, shard) }
}
