import { adoptPages, isWanted, MeridianError, openPage, rangesOverlap, standbyPage } from '@meridian/topology'
import type { Page, PageDecision, RangeDescriptor, RangeId } from '@meridian/topology'
import type { Family } from './page-families.ts'
import { frozenAsG, leaderless, noteLeaders } from './page-leaders.ts'
import type { PageIndex, PagePlan, PageTxn } from './page-world.ts'
import { RegionLimits } from './region-timing.ts'

/** The pages of a family under their new generations, and the end of the old ones. */
export function settle(index: PageIndex, family: Family): Omit<PagePlan, 'handOvers'> {
  const { world } = index
  const puts: Page[] = []
  const refusals: { rangeId: RangeId; error: MeridianError }[] = []
  for (const range of family.owned) {
    const decision = owned(index, range)
    if (decision === undefined) return { txns: [], refusals }
    if (!decision.ok) return { txns: [], refusals: [{ rangeId: range.rangeId, error: decision.error }] }
    puts.push(decision.page)
  }
  const unmade: RangeDescriptor[] = []
  for (const range of family.followed) {
    const decision = followed(index, range)
    if (decision?.ok === true) puts.push(decision.page)
    else unmade.push(range)
    if (decision?.ok === false) refusals.push({ rangeId: range.rangeId, error: decision.error })
  }
  const replaced = new Set(puts.map(({ rangeId }) => rangeId))
  const old = new Set(family.old.map(({ page }) => page.rangeId))
  // A page that is replaced although G does not show newer ranges for all its keys would take its other shards along.
  if (puts.some(({ rangeId }) => world.pages.has(rangeId) && !old.has(rangeId))) return { txns: [], refusals }
  // The old page knows where the copies of a range are that cannot be followed yet.
  const needed = ({ page }: { readonly page: Page }): boolean =>
    unmade.some((range) => range.keyspace === page.keyspace && rangesOverlap(range, page))
  const deletes = family.old.filter((stored) => !replaced.has(stored.page.rangeId) && !needed(stored))
  return {
    txns: staged(
      index,
      family,
      puts,
      deletes.map(({ page }) => page.rangeId),
    ),
    refusals,
  }
}

/** The owner's page of a range that is owned here; undefined while it is not to be opened yet. */
function owned(index: PageIndex, range: RangeDescriptor): PageDecision | undefined {
  const { world, tally } = index
  // Pages that hold keys of the range but are not superseded as a whole still know its shards.
  const sources = index.pagesOver(range).filter((page) => page.generation < range.generation)
  if (sources.length === 0) {
    if (!world.isOverdue(range.rangeId)) return undefined
    const elsewhere = world.ownerPage(range.rangeId)
    if (elsewhere !== undefined) return { ok: false, error: withoutData(range, elsewhere.region) }
  }
  const decision =
    sources.length === 0
      ? openPage(range, [], world.nodes, world.replicaCount, tally.loads)
      : adoptPages(range, sources, world.nodes, tally.loads)
  if (!decision.ok) return decision
  const { page } = decision
  const shards = page.shards.map((shard) => (world.isHeld(shard.shardId) ? leaderless(shard, 0n) : shard))
  noteLeaders([], shards, tally)
  return { ok: true, page: frozenAsG({ ...page, shards }, range, world.rangesRevision) }
}

function withoutData(range: RangeDescriptor, region: string): MeridianError {
  return new MeridianError(
    'RANGE_BUSY',
    `Range ${range.rangeId} came here from ${region} and there is no copy of it here: opened by itself it would begin ` +
      'empty. Open it by hand once its data is given up.',
    { details: { region } },
  )
}

/** The standby page of a range that is followed here; undefined while it cannot be made. */
function followed(index: PageIndex, range: RangeDescriptor): PageDecision | undefined {
  const { world, tally } = index
  const own = index.pagesOver(range).filter((page) => page.generation < range.generation)
  const source = layoutOf(index, range, own)
  if (source === undefined) return undefined
  const held = new Set(own.flatMap((page) => page.shards.map((shard) => shard.shardId)))
  const placed = source.shards.filter((shard) => !held.has(shard.shardId))
  const up = world.nodes.filter(isWanted).length
  // Nodes come up one after the other: whoever is first would be the only one to have a copy.
  if (placed.length > 0 && up < world.replicaCount && !world.isOverdue(range.rangeId)) return undefined
  const decision = standbyPage(range, source, own, world.nodes, world.replicaCount, tally.loads)
  if (!decision.ok) return decision
  for (const shard of decision.page.shards) {
    if (held.has(shard.shardId)) continue
    for (const node of shard.replicas) tally.add(node, { replicas: 1 })
  }
  return decision
}

/**
 * The shards of a followed range: as its owner has them, or, before the feed has delivered that, as this region had them
 * when it led or followed the range itself, because shards are the same for life.
 */
function layoutOf(index: PageIndex, range: RangeDescriptor, own: readonly Page[]): Page | undefined {
  const theirs = index.world.ownerPage(range.rangeId)
  if (theirs?.page.generation === range.generation && theirs.region === range.owner) return theirs.page
  // A page laid out for a vacant range may have been laid out differently elsewhere.
  if (own.some((page) => page.role === 'owner' && !wasLed(page))) return undefined
  const decision = adoptPages(range, own, [], new Map())
  return decision.ok ? decision.page : undefined
}

function wasLed(page: Page): boolean {
  return page.shards.some((shard) => shard.status === 'assigned' || shard.epoch > 1n)
}

/**
 * One transaction, if the family fits. A larger one in stages: pages under new keys first, then all that replace old
 * ones, at last the deletions; so that a crash in between leaves every shard in at least one page, the one of the
 * higher generation counts, and the next round goes on from there.
 */
function staged(index: PageIndex, family: Family, puts: readonly Page[], deletes: readonly RangeId[]): PageTxn[] {
  const purpose = family.owned.length > 0 ? 'own' : puts.length > 0 ? 'follow' : 'tidy'
  if (puts.length === 0 && deletes.length === 0) return []
  if (puts.length + deletes.length <= RegionLimits.pagesPerAdoptionMax) return [index.txn(purpose, puts, deletes)]
  const fresh = puts.filter(({ rangeId }) => !index.world.pages.has(rangeId))
  if (fresh.length > 0) return chunks(fresh).map((pages) => index.txn(purpose, pages, []))
  if (puts.length > RegionLimits.pagesPerAdoptionMax) {
    throw new Error(
      `${puts.length} pages would have to be replaced at once: G was changed by more than one bounded step`,
    )
  }
  if (puts.length > 0) return [index.txn(purpose, puts, [])]
  return chunks(deletes).map((ids) => index.txn('tidy', [], ids))
}

function chunks<T>(items: readonly T[]): T[][] {
  const size = RegionLimits.pagesPerAdoptionMax
  return Array.from({ length: Math.ceil(items.length / size) }, (_, place) =>
    items.slice(place * size, (place + 1) * size),
  )
}
