import { failOver, freezePage, handOver, shardToken, thawPage, tokensEqual } from '@meridian/topology'
import type { LoadTally, Page, RangeDescriptor, Revision, Shard, ShardId } from '@meridian/topology'
import type { PageIndex } from './page-world.ts'

/** A page of a generation that G gave to another region can only be a stray: what is not ours is not ours to mend. */
export function isForeign(index: PageIndex, page: Page): boolean {
  const range = index.range(page.rangeId)
  return range !== undefined && range.generation === page.generation && range.owner !== index.world.region
}

/** Whether `lead` has something to do for this owner's page. */
export function needsLeaders(index: PageIndex, page: Page): boolean {
  const { world, lives } = index
  const current = index.isCurrent(page)
  return page.shards.some((shard) =>
    shard.status === 'assigned'
      ? lives.get(shard.leader) !== shard.leaderNodeEpoch
      : current && !world.isHeld(shard.shardId) && shard.replicas.some((node) => lives.has(node)),
  )
}

/** The page with leaders for all shards that may have one: wishes first, then `failOver`; what is held stays as it is. */
export function lead(index: PageIndex, page: Page): Page {
  const { world, tally } = index
  const current = index.isCurrent(page)
  const waits = (shard: Shard): boolean => shard.status === 'leaderless' && (!current || world.isHeld(shard.shardId))
  let wished = page
  for (const shard of page.shards) {
    const target = world.wishes.get(shard.shardId)
    if (target === undefined || shard.status !== 'leaderless' || waits(shard)) continue
    const decision = handOver(wished, shard.shardId, target, world.nodes)
    // A target that cannot lead any more is no reason to leave the shard without a leader.
    if (decision.ok) wished = decision.page
  }
  const { page: led } = failOver(wished, world.nodes, tally.loads)
  const shards = led.shards.map((shard, place) => {
    const before = page.shards[place]
    return before !== undefined && waits(before) ? before : shard
  })
  noteLeaders(page.shards, shards, tally)
  return { ...led, shards }
}

/**
 * The page frozen or thawed as G shows its range (R13). A view of G older than the freeze knows nothing about it: the
 * range may still look active there because it was not frozen yet. Under another generation the freeze is no question
 * any more: adoption and demotion end it.
 */
export function frozenAsG(page: Page, range: RangeDescriptor | undefined, revision: Revision): Page {
  if (page.role !== 'owner' || range?.generation !== page.generation) return page
  if (page.freeze !== undefined && revision < page.freeze.revision) return page
  return range.status === 'frozen' ? freezePage(page, range.operation, revision) : thawPage(page)
}

export function noteLeaders(before: readonly Shard[], after: readonly Shard[], tally: LoadTally): void {
  for (const [place, shard] of after.entries()) {
    if (shard.status === 'assigned' && before[place] !== shard) tally.add(shard.leader, { leaders: 1 })
  }
}

/** Takes the leader away from a shard: epoch + 1, nobody serves. First half of a hand-over from a live leader (R6). */
export function vacate(page: Page, id: ShardId): Page {
  return { ...page, shards: page.shards.map((shard) => (shard.shardId === id ? leaderless(shard, 1n) : shard)) }
}

/** The page of a vacant range: its shards are laid out, and led by nobody until G shows the range as active. */
export function withoutLeaders(page: Page): Page {
  return { ...page, shards: page.shards.map((shard) => leaderless(shard, 0n)) }
}

export function leaderless({ shardId, start, epoch, replicas, change }: Shard, raise: bigint): Shard {
  const facts = { shardId, start, replicas, epoch: (epoch + raise) as Shard['epoch'] }
  return change === undefined ? { ...facts, status: 'leaderless' } : { ...facts, change, status: 'leaderless' }
}

/** How many shards of `before` have another token in `after`. */
export function changedShards(before: Page, after: Page): number {
  return after.shards.filter((shard, place) => {
    const old = before.shards[place]
    return old === undefined || !tokensEqual(shardToken(before, old), shardToken(after, shard))
  }).length
}
