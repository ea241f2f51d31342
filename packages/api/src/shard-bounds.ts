import { formatKey, MeridianError } from '@meridian/topology'
import type { Key, KeyspaceName } from '@meridian/topology'
import type { ServerParts } from './parts.ts'

/**
 * An active range holds data in shards, and only its owner region knows where they meet: a split elsewhere would cut
 * a shard's log in two. Shard bounds of one generation never change, so this look at the local view stays true until
 * the split commits under that very generation, or the commit is refused.
 *
 * @throws MeridianError NOT_OWNER_REGION, SPLIT_NOT_AT_SHARD_BOUND, NOT_SERVING when the page has not been seen here
 */
export function checkShardBounds(server: ServerParts, keyspace: KeyspaceName, at: readonly Key[]): void {
  for (const key of at) {
    const range = server.globalView.ranges.find(keyspace, key)
    if (range === undefined || range.status === 'vacant') continue
    if (range.owner !== server.region) {
      throw new MeridianError(
        'NOT_OWNER_REGION',
        `range ${range.rangeId} is active in ${range.owner}; only that region may split it`,
        {
          details: { owner: range.owner },
        },
      )
    }
    const page = server.regionView.pages.get(range.rangeId)?.page
    if (page === undefined || page.generation !== range.generation) {
      throw new MeridianError('NOT_SERVING', `the shards of range ${range.rangeId} are being set up; try again`)
    }
    if (!page.shards.some((shard) => shard.start === key)) {
      throw new MeridianError(
        'SPLIT_NOT_AT_SHARD_BOUND',
        `no shard of range ${range.rangeId} starts at ${formatKey(key)}`,
      )
    }
  }
}
