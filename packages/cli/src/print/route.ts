import type { MeridianClient } from '@meridian/client'
import { formatKey, formatKeyRange, formatToken } from '@meridian/topology'
import { formatShortMs } from '../duration.ts'
import { formatKeyPath } from '../key-path.ts'
import type { KeyPath } from '../key-path.ts'
import { printable } from '../printable.ts'
import { endJson } from './ranges.ts'

export type RouteFound = Extract<ReturnType<MeridianClient['router']['route']>, { ok: true }>['route']

/** How long lookups took: the first one, which finds nothing warm, and the mean of many more. */
export interface LookupTime {
  readonly firstMs: number
  readonly meanMs: number
  readonly lookups: number
}

export function routeJson(path: KeyPath, route: RouteFound, time: LookupTime) {
  return {
    keyspace: path.keyspace,
    key: formatKey(path.key),
    region: route.region,
    rangeId: route.rangeId,
    shardId: route.shardId,
    start: formatKey(route.start),
    end: endJson(route.end),
    token: { generation: route.token.generation, epoch: route.token.epoch },
    leader: route.leader,
    address: route.address,
    lookup: { firstMs: time.firstMs, meanMs: time.meanMs, lookups: time.lookups },
  }
}

export function routeLines(path: KeyPath, route: RouteFound, time: LookupTime): string[] {
  return [
    `key      ${formatKeyPath(path)}`,
    `region   ${route.region}`,
    `range    ${route.rangeId}`,
    `shard    ${route.shardId} ${formatKeyRange(route)}`,
    `leader   ${route.leader} at ${printable(route.address)}`,
    `token    ${formatToken(route.token)}`,
    `lookup   ${formatShortMs(time.firstMs)} the first, ${formatShortMs(time.meanMs)} the mean of ${time.lookups} more`,
  ]
}
