import { formatKey, MeridianError, rangeIsOpen, SHARDS_PER_PAGE_MAX } from '@meridian/topology'
import type { Key, KeyspaceName, Page, RangeDescriptor } from '@meridian/topology'
import type { ServerParts } from './parts.ts'

/** Shard bounds named in a refusal. */
const BOUNDS_TOLD = 8

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
    const page = ownPage(server, range, 'split')
    if (!page.shards.some((shard) => shard.start === key)) throw betweenBounds(page, key)
  }
}

/** A shard is one log and is not cut: the refusal says where the range can be. */
function betweenBounds(page: Page, key: Key): MeridianError {
  // The first shard starts with the range, which can be split there no more.
  const bounds = page.shards.slice(1).map(({ start }) => start)
  const above = bounds.findIndex((bound) => bound > key)
  const middle = above < 0 ? bounds.length : above
  const near = bounds.slice(Math.max(0, middle - BOUNDS_TOLD / 2), middle + BOUNDS_TOLD / 2).map(formatKey)
  const where =
    bounds.length === 0
      ? 'it has one shard, and a shard is not split'
      : near.length === bounds.length
        ? `its shards meet at ${near.join(', ')}`
        : `of its ${bounds.length} shard bounds the nearest are ${near.join(', ')}`
  return new MeridianError(
    'SPLIT_NOT_AT_SHARD_BOUND',
    `range ${page.rangeId} cannot be split at ${formatKey(key)}: ${where}`,
    { details: { rangeId: String(page.rangeId), bounds: near.join(' ') } },
  )
}

/**
 * Two open ranges become one page, and a page has a bound: also that only their region can see. What it cannot see, such
 * as that no two ranges meet at the key, is left to the decision itself.
 *
 * @throws MeridianError NOT_OWNER_REGION, TOO_MANY_SHARDS, NOT_SERVING when a page has not been seen here
 */
export function checkMergedShards(server: ServerParts, keyspace: KeyspaceName, at: Key): void {
  const right = server.globalView.ranges.get(keyspace, at)
  const left = server.globalView.ranges.list(keyspace).findLast(({ start }) => start < at)
  if (right === undefined || left === undefined || right.owner !== left.owner) return
  const shards = [left, right]
    .filter(rangeIsOpen)
    .reduce((sum, range) => sum + ownPage(server, range, 'merge').shards.length, 0)
  if (shards <= SHARDS_PER_PAGE_MAX) return
  throw new MeridianError(
    'TOO_MANY_SHARDS',
    `ranges ${left.rangeId} and ${right.rangeId} have ${shards} shards together; a range has at most ${SHARDS_PER_PAGE_MAX}`,
  )
}

function ownPage(server: ServerParts, range: RangeDescriptor, verb: 'split' | 'merge'): Page {
  if (range.owner !== server.region) {
    throw new MeridianError(
      'NOT_OWNER_REGION',
      `range ${range.rangeId} is ${range.status} in ${range.owner}; only that region may ${verb} it`,
      { details: { owner: range.owner } },
    )
  }
  const page = server.regionView.pages.get(range.rangeId)?.page
  if (page === undefined || page.role !== 'owner' || page.generation !== range.generation) {
    throw new MeridianError('NOT_SERVING', `the shards of range ${range.rangeId} are being set up; try again`)
  }
  return page
}
