import { shardIdParts } from '@meridian/topology'
import type { RangeId, ShardId } from '@meridian/topology'

/** The range of a shard that a history names: the one that it was born in. */
export function rangeOfShard(shard: string): RangeId {
  return shardIdParts(shard as ShardId).range
}
