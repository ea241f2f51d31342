import { tokensEqual } from '@meridian/topology'
import type { NodeId, RangeDescriptor } from '@meridian/topology'
import type { MapView, ShardView } from './map-view.ts'

/** What became different between two looks at the map. */
export type MapChange =
  | { readonly kind: 'range-created'; readonly range: RangeDescriptor }
  | { readonly kind: 'range-removed'; readonly range: RangeDescriptor }
  | { readonly kind: 'range-changed'; readonly before: RangeDescriptor; readonly range: RangeDescriptor }
  /** `before` undefined: the shard is new or had no leader. */
  | { readonly kind: 'leader-changed'; readonly before: NodeId | undefined; readonly shard: ShardView }

/** Changes of ownership, then of leadership, each in order of keyspace and key. */
export function mapChanges(before: MapView, after: MapView): MapChange[] {
  const changes: MapChange[] = []
  for (const range of before.ranges.values()) {
    if (!after.ranges.has(range.rangeId)) changes.push({ kind: 'range-removed', range })
  }
  for (const range of after.ranges.values()) {
    const old = before.ranges.get(range.rangeId)
    if (old === undefined) changes.push({ kind: 'range-created', range })
    else if (old !== range && rangeDiffers(old, range)) changes.push({ kind: 'range-changed', before: old, range })
  }
  for (const shard of after.shards.values()) {
    const old = before.shards.get(shard.shardId)
    if (old === undefined || old.leader !== shard.leader || !tokensEqual(old.token, shard.token)) {
      changes.push({ kind: 'leader-changed', before: old?.leader, shard })
    }
  }
  return changes
}

/**
 * `after`, with what it lacks of the shards filled in from `before`: while a range is in transition its shards are not
 * seen, and when they are again only the difference is news.
 */
export function carriedOver(before: MapView, after: MapView): MapView {
  const shards = new Map(after.shards)
  for (const shard of before.shards.values()) {
    if (!shards.has(shard.shardId) && after.ranges.has(shard.rangeId)) shards.set(shard.shardId, shard)
  }
  return { ...after, shards }
}

function rangeDiffers(a: RangeDescriptor, b: RangeDescriptor): boolean {
  return (
    a.generation !== b.generation ||
    a.owner !== b.owner ||
    a.status !== b.status ||
    a.start !== b.start ||
    a.end !== b.end ||
    a.standbys.join() !== b.standbys.join() ||
    a.failover !== b.failover ||
    a.budgetMs !== b.budgetMs
  )
}
