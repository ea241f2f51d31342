import { fromWireToken } from '@meridian/protocol'
import type { ShardRecord } from '@meridian/protocol'
import {
  compareTokens,
  keyOfBytes,
  keyspaceName,
  nodeId,
  parseShardId,
  rangeContains,
  rangeId,
  regionId,
} from '@meridian/topology'
import type { Key, KeyspaceName, Token } from '@meridian/topology'
import type { Route } from './route.ts'

/** Adopted records kept at most; the oldest goes first, which costs its next user one refusal. */
const ADOPTED_MAX = 1024

/**
 * Routes learned from refusals, ahead of the feed. One stays until the map itself has a token at least as high for its
 * keys; among two for the same keys the higher token wins, because the generation of a key, and the epoch within it,
 * only rise.
 */
export class AdoptedRecords {
  #routes: Route[] = []

  get size(): number {
    return this.#routes.length
  }

  /**
   * True when the record was news, also to the map: who tries again at once because of what is no news tries for ever.
   * One that names no leader teaches nothing and is not adopted.
   */
  adopt(record: ShardRecord, tokenOfMap: (keyspace: KeyspaceName, key: Key) => Token | undefined): boolean {
    if (record.leader === '' || record.leaderAddress === '') return false
    const route = routeOf(record)
    const known = tokenOfMap(route.keyspace, route.start)
    if (known !== undefined && compareTokens(known, route.token) >= 0) return false
    const rival = this.#routes.find((other) => other.shardId === route.shardId)
    if (rival !== undefined && compareTokens(rival.token, route.token) >= 0) return false
    this.#routes = [...this.#routes.filter((other) => other !== rival), route].slice(-ADOPTED_MAX)
    return true
  }

  /** The adopted route for `key` whose token is above `known`, the best one when there are several. */
  find(keyspace: KeyspaceName, key: Key, known: Token | undefined): Route | undefined {
    let best: Route | undefined
    for (const route of this.#routes) {
      if (route.keyspace !== keyspace || !rangeContains(route, key)) continue
      const bound = best?.token ?? known
      if (bound === undefined || compareTokens(route.token, bound) > 0) best = route
    }
    return best
  }

  /** Drops every route for which the map has caught up. */
  prune(tokenOfMap: (keyspace: KeyspaceName, key: Key) => Token | undefined): void {
    if (this.#routes.length === 0) return
    this.#routes = this.#routes.filter((route) => {
      const known = tokenOfMap(route.keyspace, route.start)
      return known === undefined || compareTokens(known, route.token) < 0
    })
  }
}

/** @throws MeridianError INVALID_ARGUMENT when a field is not what it should be */
function routeOf(record: ShardRecord): Route {
  return {
    keyspace: keyspaceName(record.keyspace),
    region: regionId(record.region),
    rangeId: rangeId(record.rangeId),
    shardId: parseShardId(record.shardId),
    start: keyOfBytes(record.start),
    end: keyOfBytes(record.end),
    token: fromWireToken(record.token),
    leader: nodeId(record.leader),
    address: record.leaderAddress,
  }
}
