import {
  adoptPages,
  encodePage,
  EMPTY_KEY,
  failOver,
  handOver,
  LoadTally,
  openPage,
  rangesOverlap,
  shardToken,
  tokensEqual,
} from '@meridian/topology'
import type {
  MeridianError,
  NodeId,
  NodeRecord,
  Page,
  RangeDescriptor,
  RangeId,
  RegionId,
  Revision,
  Shard,
  ShardId,
} from '@meridian/topology'
import { RegionLimits } from './region-timing.ts'
import type { StoredPage } from './region-view.ts'

/** One transaction over pages: what it expects, puts and deletes. All or nothing. */
export interface PageTxn {
  /** Mod revision of every page touched, as the decision saw it; 0: absent. */
  readonly expects: ReadonlyMap<RangeId, Revision>
  readonly puts: readonly Page[]
  readonly deletes: readonly RangeId[]
  /** Shards whose token changes; the most come first. */
  readonly shards: number
}

export interface PageWorld {
  readonly region: RegionId
  /** All ranges of G, as this server has applied them. */
  readonly ranges: readonly RangeDescriptor[]
  readonly pages: ReadonlyMap<RangeId, StoredPage>
  readonly nodes: readonly NodeRecord[]
  readonly replicaCount: number
  /** Leaderless shards whose former leader may still answer lease reads: they get no leader yet (R6). */
  readonly isHeld: (shard: ShardId) => boolean
  /** Leaderless shards that are to be led by a certain node, if it can. */
  readonly wishes: ReadonlyMap<ShardId, NodeId>
  /** Whether a range that never had a page here may be opened as one shard by now. */
  readonly mayOpen: (range: RangeId) => boolean
}

export interface PagePlan {
  readonly txns: readonly PageTxn[]
  /** Ranges that could not be adopted or opened, and why; tried again in the next round. */
  readonly refusals: readonly { readonly rangeId: RangeId; readonly error: MeridianError }[]
}

/** Everything that the pages of a region need now, the transactions with the most shards first. Pure. */
export function planPages(world: PageWorld): PagePlan {
  const byId = new Map(world.ranges.map((range) => [range.rangeId, range]))
  const families = familiesOf(world, byId)
  const lives = livesOf(world.nodes)
  const due = [...world.pages.values()].filter(({ page }) => needsLeaders(world, page, byId, lives))
  // Nearly every round ends here, so nothing before this line allocates per shard.
  if (families.length === 0 && due.length === 0) return { txns: [], refusals: [] }

  const tally = new LoadTally(loadOf(world))
  const refusals: { rangeId: RangeId; error: MeridianError }[] = []
  const txns: PageTxn[] = []
  const touched = new Set<RangeId>()
  for (const family of families) {
    const adopted = adopt(world, family, tally)
    refusals.push(...adopted.refusals)
    for (const txn of adopted.txns) {
      txns.push(txn)
      for (const id of txn.expects.keys()) touched.add(id)
    }
  }
  const single: PageTxn[] = []
  for (const stored of due) {
    const id = stored.page.rangeId
    if (touched.has(id)) continue
    const page = lead(world, stored.page, isActive(stored.page, byId), tally)
    const shards = changedShards(stored.page, page)
    if (shards > 0) single.push({ expects: new Map([[id, stored.modRevision]]), puts: [page], deletes: [], shards })
  }
  const bySize = (x: PageTxn, y: PageTxn): number => y.shards - x.shards
  return { txns: [...packed(single.toSorted(bySize)), ...txns].toSorted(bySize), refusals }
}

type Lives = ReadonlyMap<NodeId, bigint>
type RangesById = ReadonlyMap<RangeId, RangeDescriptor>

function livesOf(nodes: readonly NodeRecord[]): Lives {
  return new Map(nodes.filter(({ status }) => status === 'up').map(({ nodeId, nodeEpoch }) => [nodeId, nodeEpoch]))
}

/** Whether G, as seen here, shows the page's range as active at the page's generation. */
function isActive(page: Page, byId: RangesById): boolean {
  const range = byId.get(page.rangeId)
  return range?.generation === page.generation && range.status === 'active'
}

/** A page of a generation that G gave to another region can only be a stray: what is not ours is not ours to mend. */
function isForeign({ region }: PageWorld, page: Page, byId: RangesById): boolean {
  const range = byId.get(page.rangeId)
  return range !== undefined && range.generation === page.generation && range.owner !== region
}

function needsLeaders(world: PageWorld, page: Page, byId: RangesById, lives: Lives): boolean {
  if (isForeign(world, page, byId)) return false
  const active = isActive(page, byId)
  return page.shards.some((shard) =>
    shard.status === 'assigned'
      ? lives.get(shard.leader) !== shard.leaderNodeEpoch
      : active && !world.isHeld(shard.shardId) && shard.replicas.some((node) => lives.has(node)),
  )
}

/** Replicas held and shards led per node; leaderships that are dead do not count. */
export function loadOf(world: Pick<PageWorld, 'pages' | 'nodes'>): LoadTally['loads'] {
  const tally = new LoadTally(new Map())
  const lives = livesOf(world.nodes)
  for (const { page } of world.pages.values()) {
    for (const shard of page.shards) {
      for (const node of shard.replicas) tally.add(node, { replicas: 1 })
      if (shard.status === 'assigned' && lives.get(shard.leader) === shard.leaderNodeEpoch) {
        tally.add(shard.leader, { leaders: 1 })
      }
    }
  }
  return tally.loads
}

/** Takes the leader away from a shard: epoch + 1, nobody serves. First half of a hand-over from a live leader (R6). */
export function vacate(page: Page, id: ShardId): Page {
  return { ...page, shards: page.shards.map((shard) => (shard.shardId === id ? leaderless(shard, 1n) : shard)) }
}

function leaderless({ shardId, start, epoch, replicas }: Shard, raise: bigint): Shard {
  return { shardId, start, replicas, status: 'leaderless', epoch: (epoch + raise) as Shard['epoch'] }
}

/** The page of a vacant range: its shards are laid out, and led by nobody until G shows the range as active. */
export function withoutLeaders(page: Page): Page {
  return { ...page, shards: page.shards.map((shard) => leaderless(shard, 0n)) }
}

/** Wishes first, then `failOver`, and what is held stays as it is. */
function lead(world: PageWorld, page: Page, active: boolean, tally: LoadTally): Page {
  const waits = (shard: Shard): boolean => shard.status === 'leaderless' && (!active || world.isHeld(shard.shardId))
  let wished = page
  for (const shard of page.shards) {
    const target = world.wishes.get(shard.shardId)
    if (target === undefined || shard.status !== 'leaderless' || waits(shard)) continue
    const decision = handOver(wished, shard.shardId, target, world.nodes)
    // A target that cannot lead any more is no reason to leave the shard without a leader.
    if (decision.ok) wished = decision.page
  }
  const { page: led } = failOver(wished, world.nodes, tally.loads)
  const shards = led.shards.map((shard, index) => {
    const before = page.shards[index]
    return before !== undefined && waits(before) ? before : shard
  })
  note(page.shards, shards, tally)
  return { ...led, shards }
}

function note(before: readonly Shard[], after: readonly Shard[], tally: LoadTally): void {
  for (const [index, shard] of after.entries()) {
    if (shard.status === 'assigned' && before[index] !== shard) tally.add(shard.leader, { leaders: 1 })
  }
}

function changedShards(before: Page, after: Page): number {
  return after.shards.filter((shard, index) => {
    const old = before.shards[index]
    return old === undefined || !tokensEqual(shardToken(before, old), shardToken(after, shard))
  }).length
}

/** Ranges that want a page of their generation, with the old pages they come from: a split or merge is one family. */
interface Family {
  readonly wanting: RangeDescriptor[]
  readonly old: StoredPage[]
}

function familiesOf(world: PageWorld, byId: RangesById): Family[] {
  const families: Family[] = []
  const join = (ranges: RangeDescriptor[], old: StoredPage[]): void => {
    const family: Family = { wanting: [...ranges], old: [...old] }
    for (let index = families.length - 1; index >= 0; index -= 1) {
      const other = families[index]
      if (other === undefined || !touches(other, family)) continue
      families.splice(index, 1)
      for (const range of other.wanting) if (!family.wanting.includes(range)) family.wanting.push(range)
      for (const page of other.old) if (!family.old.includes(page)) family.old.push(page)
    }
    families.push(family)
  }
  for (const stored of world.pages.values()) {
    if (byId.get(stored.page.rangeId)?.generation === stored.page.generation) continue
    const cover = world.ranges.filter(
      (range) => range.keyspace === stored.page.keyspace && rangesOverlap(range, stored.page),
    )
    // Evidence is a newer generation for every key of the page, never the absence of its range.
    if (!tiles(cover, stored.page) || !cover.every((range) => range.generation > stored.page.generation)) continue
    join(
      cover.filter((range) => wantsPage(world, range)),
      [stored],
    )
  }
  for (const range of world.ranges) {
    if (wantsPage(world, range) && !families.some(({ wanting }) => wanting.includes(range))) join([range], [])
  }
  return families
}

function touches(a: Family, b: Family): boolean {
  return a.wanting.some((range) => b.wanting.includes(range)) || a.old.some((page) => b.old.includes(page))
}

function wantsPage(world: PageWorld, range: RangeDescriptor): boolean {
  if (range.owner !== world.region || range.status !== 'active') return false
  const stored = world.pages.get(range.rangeId)
  // A page above the range's generation: this server's view of G is behind the one that wrote it.
  return stored === undefined || stored.page.generation < range.generation
}

function tiles(cover: readonly RangeDescriptor[], page: Page): boolean {
  const sorted = cover.toSorted((a, b) => (a.start < b.start ? -1 : 1))
  const first = sorted[0]
  const last = sorted.at(-1)
  if (first === undefined || last === undefined || first.start > page.start) return false
  if (last.end !== EMPTY_KEY && (page.end === EMPTY_KEY || last.end < page.end)) return false
  return sorted.every((range, index) => index === 0 || sorted[index - 1]?.end === range.start)
}

function adopt(world: PageWorld, family: Family, tally: LoadTally): PagePlan {
  const puts: Page[] = []
  const refusals: { rangeId: RangeId; error: MeridianError }[] = []
  // Pages that hold keys of a wanting range but are not superseded as a whole still know its shards.
  const known = [...world.pages.values()].map(({ page }) => page)
  for (const range of family.wanting) {
    const sources = known.filter(
      (page) => page.keyspace === range.keyspace && page.generation < range.generation && rangesOverlap(page, range),
    )
    if (sources.length === 0 && !world.mayOpen(range.rangeId)) return { txns: [], refusals }
    const decision =
      sources.length === 0
        ? openPage(range, [], world.nodes, world.replicaCount, tally.loads)
        : adoptPages(range, sources, world.nodes, tally.loads)
    if (!decision.ok) return { txns: [], refusals: [{ rangeId: range.rangeId, error: decision.error }] }
    const { page } = decision
    const shards = page.shards.map((shard) => (world.isHeld(shard.shardId) ? leaderless(shard, 0n) : shard))
    note([], shards, tally)
    puts.push({ ...page, shards })
  }
  const replaced = new Set(puts.map(({ rangeId }) => rangeId))
  // A page that is replaced although G does not show newer ranges for all its keys would take its other shards along.
  if (
    puts.some(({ rangeId }) => world.pages.has(rangeId) && !family.old.some(({ page }) => page.rangeId === rangeId))
  ) {
    return { txns: [], refusals }
  }
  const deletes = family.old.map(({ page }) => page.rangeId).filter((id) => !replaced.has(id))
  return { txns: staged(world, puts, deletes), refusals }
}

/**
 * One transaction, if the family fits. A larger one in stages: pages under new keys first, then all that replace old
 * ones, at last the deletions; so that a crash in between leaves every shard in at least one page, the one of the
 * higher generation counts, and the next round goes on from there.
 */
function staged(world: PageWorld, puts: readonly Page[], deletes: readonly RangeId[]): PageTxn[] {
  if (puts.length + deletes.length <= RegionLimits.pagesPerAdoptionMax) return [txnOf(world, puts, deletes)]
  const fresh = puts.filter(({ rangeId }) => !world.pages.has(rangeId))
  if (fresh.length > 0) return chunks(fresh).map((pages) => txnOf(world, pages, []))
  if (puts.length > RegionLimits.pagesPerAdoptionMax) {
    throw new Error(
      `${puts.length} pages would have to be replaced at once: G was changed by more than one bounded step`,
    )
  }
  if (puts.length > 0) return [txnOf(world, puts, [])]
  return chunks(deletes).map((ids) => txnOf(world, [], ids))
}

function chunks<T>(items: readonly T[]): T[][] {
  const size = RegionLimits.pagesPerAdoptionMax
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}

function txnOf(world: PageWorld, puts: readonly Page[], deletes: readonly RangeId[]): PageTxn {
  const ids = [...puts.map(({ rangeId }) => rangeId), ...deletes]
  return {
    expects: new Map(ids.map((id) => [id, world.pages.get(id)?.modRevision ?? (0n as Revision)])),
    puts,
    deletes,
    shards: puts.reduce((sum, page) => sum + page.shards.length, 0),
  }
}

/** Independent changes of single pages, joined up to the bounds of a transaction. */
function packed(txns: readonly PageTxn[]): PageTxn[] {
  const result: PageTxn[] = []
  let bytes = 0
  for (const txn of txns) {
    const last = result.at(-1)
    const size = txn.puts.reduce((sum, page) => sum + encodePage(page).length, 0)
    const fits =
      last !== undefined &&
      last.expects.size < RegionLimits.pagesPerTxnMax &&
      bytes + size <= RegionLimits.pageBytesPerTxnMax
    if (!fits || last === undefined) {
      result.push(txn)
      bytes = size
      continue
    }
    bytes += size
    result[result.length - 1] = {
      expects: new Map([...last.expects, ...txn.expects]),
      puts: [...last.puts, ...txn.puts],
      deletes: [...last.deletes, ...txn.deletes],
      shards: last.shards + txn.shards,
    }
  }
  return result
}
