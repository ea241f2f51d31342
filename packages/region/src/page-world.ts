import { LoadTally, nodesOfShard, rangeIsOpen } from '@meridian/topology'
import type {
  MeridianError,
  NodeId,
  NodeRecord,
  Page,
  RangeDescriptor,
  RangeId,
  RegionId,
  Revision,
  ShardId,
  Token,
} from '@meridian/topology'
import { IntervalIndex } from './interval-index.ts'
import type { OwnerPage } from './other-regions.ts'
import type { StoredPage } from './region-view.ts'

/**
 * What a transaction is for, in the order in which they are done.
 *
 * - `own`: ranges that came here, splits, merges, freezes and thaws: somebody's writes wait for each of them.
 * - `lead`: leaders in place of dead ones.
 * - `follow`: standby pages.
 * - `tidy`: nobody waits.
 */
export const PAGE_PURPOSES = ['own', 'lead', 'follow', 'tidy'] as const
export type PagePurpose = (typeof PAGE_PURPOSES)[number]

/** One transaction over pages: what it expects, puts and deletes. All or nothing. */
export interface PageTxn {
  readonly purpose: PagePurpose
  /** Mod revision of every page touched, as the decision saw it; 0: absent. */
  readonly expects: ReadonlyMap<RangeId, Revision>
  readonly puts: readonly Page[]
  readonly deletes: readonly RangeId[]
  /** Shards whose token changes; of one purpose, the most come first. */
  readonly shards: number
}

export interface PageWorld {
  readonly region: RegionId
  /** All ranges of G, as this server has applied them, at `rangesRevision`. */
  readonly ranges: readonly RangeDescriptor[]
  readonly rangesRevision: Revision
  readonly pages: ReadonlyMap<RangeId, StoredPage>
  readonly nodes: readonly NodeRecord[]
  readonly replicaCount: number
  /** The page of a range in another region, as far as the feed delivered it. */
  readonly ownerPage: (range: RangeId) => OwnerPage | undefined
  /** Leaderless shards whose former leader may still answer lease reads: they get no leader yet (R6). */
  readonly isHeld: (shard: ShardId) => boolean
  /** Leaderless shards that are to be led by a certain node, if it can. */
  readonly wishes: ReadonlyMap<ShardId, NodeId>
  /** How many shards may begin to be handed over now by nodes that are being drained. */
  readonly handOversMax: number
  /** Whether a range that has no page here has had time enough to be opened, or its nodes to come up. */
  readonly isOverdue: (range: RangeId) => boolean
  /** Whether G surely shows no more that this region follows the range, however old this view of it is. */
  readonly isUnfollowed: (range: RangeId) => boolean
}

/** A shard that is taken from the node that leads it, to be led by another. */
export interface HandOver {
  readonly shardId: ShardId
  readonly target: NodeId
  /** Under which nobody leads. */
  readonly token: Token
}

export interface PagePlan {
  readonly txns: readonly PageTxn[]
  /** What the transactions take from nodes that are being drained. */
  readonly handOvers: readonly HandOver[]
  /** Ranges that could not be adopted, opened or followed, and why; tried again in the next round. */
  readonly refusals: readonly { readonly rangeId: RangeId; readonly error: MeridianError }[]
}

export type Lives = ReadonlyMap<NodeId, bigint>

/** Node epochs of the nodes that are up. */
export function livesOf(nodes: readonly NodeRecord[]): Lives {
  return new Map(nodes.filter(({ status }) => status === 'up').map(({ nodeId, nodeEpoch }) => [nodeId, nodeEpoch]))
}

/** Replicas held and shards led per node; leaderships that are dead do not count. */
export function loadOf(world: Pick<PageWorld, 'pages' | 'nodes'>): LoadTally['loads'] {
  const loads = new Map<NodeId, { replicas: number; leaders: number }>()
  const lives = livesOf(world.nodes)
  const of = (node: NodeId): { replicas: number; leaders: number } => {
    const known = loads.get(node)
    if (known !== undefined) return known
    const fresh = { replicas: 0, leaders: 0 }
    loads.set(node, fresh)
    return fresh
  }
  for (const { page } of world.pages.values()) {
    for (const shard of page.shards) {
      for (const node of nodesOfShard(shard)) of(node).replicas += 1
      if (shard.status === 'assigned' && lives.get(shard.leader) === shard.leaderNodeEpoch)
        of(shard.leader).leaders += 1
    }
  }
  return loads
}

/** A world with what is asked of it over and over. */
export class PageIndex {
  readonly world: PageWorld
  readonly lives: Lives
  readonly #byId: ReadonlyMap<RangeId, RangeDescriptor>
  #ranges: IntervalIndex<RangeDescriptor> | undefined
  #pages: IntervalIndex<Page> | undefined
  #tally: LoadTally | undefined

  constructor(world: PageWorld) {
    this.world = world
    this.lives = livesOf(world.nodes)
    this.#byId = new Map(world.ranges.map((range) => [range.rangeId, range]))
  }

  range(id: RangeId): RangeDescriptor | undefined {
    return this.#byId.get(id)
  }

  rangesOver(page: Page): RangeDescriptor[] {
    this.#ranges ??= new IntervalIndex(this.world.ranges)
    return this.#ranges.overlapping(page)
  }

  pagesOver(range: RangeDescriptor): Page[] {
    this.#pages ??= new IntervalIndex([...this.world.pages.values()].map(({ page }) => page))
    return this.#pages.overlapping(range)
  }

  /** What nodes carry, and will by what has been planned so far. Built when first asked for: most rounds plan nothing. */
  get tally(): LoadTally {
    this.#tally ??= new LoadTally(loadOf(this.world))
    return this.#tally
  }

  /** What this region is to `range`, as G shows it. */
  dutyOf(range: RangeDescriptor): 'owner' | 'standby' | undefined {
    if (!rangeIsOpen(range)) return undefined
    if (range.owner === this.world.region) return 'owner'
    return range.standbys.includes(this.world.region) ? 'standby' : undefined
  }

  /** Whether G, as seen here, shows the page's range as this region's, not vacant, at the page's generation. */
  isCurrent(page: Page): boolean {
    const range = this.range(page.rangeId)
    return page.role === 'owner' && range?.generation === page.generation && this.dutyOf(range) === 'owner'
  }

  txn(purpose: PagePurpose, puts: readonly Page[], deletes: readonly RangeId[], shards?: number): PageTxn {
    const ids = [...puts.map(({ rangeId }) => rangeId), ...deletes]
    return {
      purpose,
      expects: new Map(ids.map((id) => [id, this.world.pages.get(id)?.modRevision ?? (0n as Revision)])),
      puts,
      deletes,
      shards: shards ?? puts.reduce((sum, page) => sum + page.shards.length, 0),
    }
  }
}
