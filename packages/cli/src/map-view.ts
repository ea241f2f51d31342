import type { MeridianClient } from '@meridian/client'
import { rangeIsOpen, shardEnd, shardToken } from '@meridian/topology'
import type { Key, KeyspaceName, NodeId, RangeDescriptor, RangeId, RegionId, ShardId, Token } from '@meridian/topology'

/** The map as a client follows it. */
type RouteMap = MeridianClient['router']['map']

/** A shard as the map has it. */
export interface ShardView {
  readonly shardId: ShardId
  readonly rangeId: RangeId
  readonly keyspace: KeyspaceName
  readonly start: Key
  readonly end: Key
  readonly region: RegionId
  readonly token: Token
  /** Undefined: nobody leads it now. */
  readonly leader: NodeId | undefined
  /** Undefined: the leader's record has not been seen. */
  readonly address: string | undefined
  readonly replicas: readonly NodeId[]
}

/** Everything the map says at one moment. */
export interface MapView {
  readonly ranges: ReadonlyMap<RangeId, RangeDescriptor>
  readonly shards: ReadonlyMap<ShardId, ShardView>
  /** Open ranges whose shards of this generation have not been seen: they are in transition. */
  readonly unseen: readonly RangeId[]
}

/** In order of keyspace and key. A page counts only under the generation of its range (SPEC T5). */
export function viewOf(map: RouteMap, keyspace?: KeyspaceName): MapView {
  const ranges = new Map<RangeId, RangeDescriptor>()
  const shards = new Map<ShardId, ShardView>()
  const unseen: RangeId[] = []
  for (const range of map.global.ranges.list(keyspace)) {
    ranges.set(range.rangeId, range)
    const regional = map.region(range.owner)
    const page = regional.pages.get(range.rangeId)
    if (page === undefined || page.role !== 'owner' || page.generation !== range.generation) {
      if (rangeIsOpen(range)) unseen.push(range.rangeId)
      continue
    }
    for (const [index, shard] of page.shards.entries()) {
      const leader = shard.status === 'assigned' ? shard.leader : undefined
      shards.set(shard.shardId, {
        shardId: shard.shardId,
        rangeId: range.rangeId,
        keyspace: range.keyspace,
        start: shard.start,
        end: shardEnd(page, index),
        region: range.owner,
        token: shardToken(page, shard),
        leader,
        address: leader === undefined ? undefined : regional.nodes.get(leader)?.address,
        replicas: shard.replicas,
      })
    }
  }
  return { ranges, shards, unseen }
}
