import type { Page, RegionId, Shard } from '@meridian/topology'
import type { OwnedRanges } from './owned-ranges.ts'

/**
 * Whether G shows that another region owns the shard's keys under a newer generation than the page's. A split or merge
 * that left them here takes nothing away: old and new leaders are of one region, and their replicas tell them apart.
 */
export function takenAway(ranges: OwnedRanges, region: RegionId, page: Page, shard: Shard): boolean {
  if (ranges.get(page.rangeId)?.generation === page.generation) return false
  const range = ranges.find(page.keyspace, shard.start)
  return range !== undefined && range.generation > page.generation && range.owner !== region
}
