import type { Key, KeyspaceName, NodeId, RangeId, RegionId, ShardId, Token } from '@meridian/topology'

/** Everything a request for a key needs. Valid until refused: a node, not the router, says whether it still holds. */
export interface Route {
  readonly keyspace: KeyspaceName
  readonly region: RegionId
  readonly rangeId: RangeId
  readonly shardId: ShardId
  /** Keys of the shard: `start` included, `end` excluded, an empty end means unbounded. */
  readonly start: Key
  readonly end: Key
  readonly token: Token
  readonly leader: NodeId
  /** `host:port` */
  readonly address: string
}

/**
 * Why there is no route:
 * - `keyspace-unknown`: no range of such a keyspace was ever seen.
 * - `vacant`: the range was not opened.
 * - `in-transition`: the owner region's page for this generation has not been seen; it will come.
 * - `leaderless`: the shard has no leader now.
 */
export type NoRouteReason = 'keyspace-unknown' | 'vacant' | 'in-transition' | 'leaderless'

export type RouteResult =
  | { readonly ok: true; readonly route: Route }
  | { readonly ok: false; readonly reason: NoRouteReason; readonly region: RegionId | undefined }
