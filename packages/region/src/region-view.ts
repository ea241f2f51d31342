import type { Clock, Logger } from '@meridian/loop'
import { Mirror } from '@meridian/store/mirror'
import type { MirrorEvent } from '@meridian/store/mirror'
import type { Store, StoreRecord } from '@meridian/store'
import {
  decodeNode,
  decodePage,
  NODE_PREFIX,
  PAGE_PREFIX,
  RENEWALS_KEY,
  shardToken,
  tokensEqual,
} from '@meridian/topology'
import type {
  NodeEpoch,
  NodeId,
  NodeRecord,
  OperationId,
  Page,
  RangeId,
  Revision,
  Shard,
  ShardId,
} from '@meridian/topology'
import { IntervalIndex } from './interval-index.ts'
import { decodeMove, MOVE_PREFIX } from './move-record.ts'
import type { ReplicaMove } from './move-record.ts'
import { decodeRenewals } from './renewals.ts'
import type { Renewals } from './renewals.ts'

/** Prefixes of E that a mirror must follow for this view. */
export const REGION_VIEW_PREFIXES = [PAGE_PREFIX, NODE_PREFIX, RENEWALS_KEY, MOVE_PREFIX] as const

export interface StoredPage {
  readonly page: Page
  readonly modRevision: Revision
}

export interface StoredNode {
  readonly node: NodeRecord
  readonly modRevision: Revision
}

export interface StoredMove {
  readonly move: ReplicaMove
  readonly modRevision: Revision
}

/** A shard that one life of a node led, and leads no longer. */
export interface Removal {
  readonly shardId: ShardId
  readonly nodeId: NodeId
  readonly nodeEpoch: NodeEpoch
  /** By this revision at the latest. */
  readonly revision: Revision
}

export interface RegionViewEvent {
  readonly revision: Revision
  readonly pages: readonly RangeId[]
  readonly nodes: readonly NodeId[]
  readonly removals: readonly Removal[]
}

export interface RegionViewOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly random: () => number
}

/**
 * The regional tier as this server has applied it: pages, nodes and renewals, decoded once per change, each revision
 * as a whole. As old as its mirror; whoever decides on it guards the decision with the mod revisions given here.
 */
export class RegionView implements AsyncDisposable {
  readonly #mirror: Mirror
  readonly #clock: Clock
  readonly #log: Logger
  readonly #pages = new Map<RangeId, StoredPage>()
  readonly #pagesByKey = new Map<string, RangeId>()
  readonly #nodes = new Map<NodeId, StoredNode>()
  readonly #moves = new Map<OperationId, StoredMove>()
  readonly #renewedMs = new Map<NodeId, number>()
  readonly #removed = new Map<NodeId, Revision>()
  readonly #listeners = new Set<(event: RegionViewEvent) => void>()
  readonly #openedMs: number
  #clusters: ReadonlyMap<RangeId, readonly Page[]> | undefined
  #renewals: Renewals | undefined
  #failure: Error | undefined

  private constructor(mirror: Mirror, options: RegionViewOptions) {
    this.#mirror = mirror
    this.#clock = options.clock
    this.#log = options.log
    this.#openedMs = options.clock.nowMs()
    this.#apply(mirror.list('/'), mirror.revision)
    mirror.subscribe((event) => this.#follow(event))
  }

  /** Resolves after the first complete listing; tries until `signal` aborts. */
  static async open(store: Store, options: RegionViewOptions, signal: AbortSignal): Promise<RegionView> {
    const mirror = await Mirror.open(store, { ...options, prefixes: REGION_VIEW_PREFIXES }, signal)
    return new RegionView(mirror, options)
  }

  get revision(): Revision {
    this.#check()
    return this.#mirror.revision
  }

  get pages(): ReadonlyMap<RangeId, StoredPage> {
    this.#check()
    return this.#pages
  }

  get nodes(): ReadonlyMap<NodeId, StoredNode> {
    this.#check()
    return this.#nodes
  }

  get moves(): ReadonlyMap<OperationId, StoredMove> {
    this.#check()
    return this.#moves
  }

  get renewals(): Renewals | undefined {
    this.#check()
    return this.#renewals
  }

  nodeRecords(): NodeRecord[] {
    return [...this.nodes.values()].map(({ node }) => node)
  }

  /** The page and place of a shard: where the highest token of it stands. */
  shard(id: ShardId): { readonly stored: StoredPage; readonly index: number; readonly shard: Shard } | undefined {
    let best: { stored: StoredPage; index: number; shard: Shard } | undefined
    for (const stored of this.pages.values()) {
      if (best !== undefined && best.stored.page.generation >= stored.page.generation) continue
      const index = stored.page.shards.findIndex((each) => each.shardId === id)
      const shard = stored.page.shards[index]
      if (shard !== undefined) best = { stored, index, shard }
    }
    return best
  }

  /** The page of a range with all pages that hold keys of it, directly or through others; undefined without a page. */
  clusterOf(id: RangeId): readonly Page[] | undefined {
    if (this.#clusters === undefined) {
      const clusters = new Map<RangeId, readonly Page[]>()
      const pages = new IntervalIndex([...this.pages.values()].map(({ page }) => page))
      for (const cluster of pages.clusters()) for (const page of cluster) clusters.set(page.rangeId, cluster)
      this.#clusters = clusters
    }
    return this.#clusters.get(id)
  }

  /** Newest revision, since this view was opened, at which this life of the node lost a shard; 0 if none. */
  removedRevision(node: NodeId): Revision {
    return this.#removed.get(node) ?? (0n as Revision)
  }

  /** Ms since a committed renewal of the node was seen here, or since this view was opened. */
  silentMs(node: NodeId): number {
    return this.#clock.nowMs() - (this.#renewedMs.get(node) ?? this.#openedMs)
  }

  /** Ms since E last proved that nothing is missing here. */
  ageMs(): number {
    return this.#mirror.ageMs()
  }

  /** Resolves once `revision` is applied. */
  waitFor(revision: Revision, signal: AbortSignal): Promise<void> {
    return this.#mirror.waitFor(revision, signal)
  }

  /** Resolves once `condition` holds of this view; rejects with the signal's reason. */
  async seen(signal: AbortSignal, condition: () => boolean): Promise<void> {
    signal.throwIfAborted()
    if (condition()) return
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const onAbort = (): void => reject(signal.reason)
    const unsubscribe = this.subscribe(() => {
      if (condition()) resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      await promise
    } finally {
      unsubscribe()
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Called synchronously after each revision is applied, also when nothing changed; must not throw. */
  subscribe(listener: (event: RegionViewEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#mirror[Symbol.asyncDispose]()
  }

  #follow(event: MirrorEvent): void {
    if (this.#failure !== undefined) return
    try {
      const applied = this.#apply(event.changes, event.revision)
      for (const listener of this.#listeners) listener(applied)
    } catch (error) {
      // Skipping a record that does not decode would look like its deletion.
      this.#failure = error instanceof Error ? error : new Error(String(error))
      this.#log.error({ err: error, revision: event.revision }, 'region view failed')
    }
  }

  #check(): void {
    if (this.#failure !== undefined)
      throw new Error('the view of the regional tier is broken', { cause: this.#failure })
  }

  #apply(changes: Iterable<StoreRecord | MirrorEvent['changes'][number]>, revision: Revision): RegionViewEvent {
    const pages: RangeId[] = []
    const nodes: NodeId[] = []
    const before: Page[] = []
    for (const { key, value, modRevision } of changes) {
      if (key.startsWith(PAGE_PREFIX)) {
        const id = this.#pagesByKey.get(key)
        const old = id === undefined ? undefined : this.#pages.get(id)
        if (old !== undefined) before.push(old.page)
        if (id !== undefined) this.#pages.delete(id)
        if (value !== undefined) {
          const page = decodePage(value)
          this.#pagesByKey.set(key, page.rangeId)
          this.#pages.set(page.rangeId, { page, modRevision })
          pages.push(page.rangeId)
        } else if (id !== undefined) {
          this.#pagesByKey.delete(key)
          pages.push(id)
        }
      } else if (key.startsWith(NODE_PREFIX)) {
        const id = key.slice(NODE_PREFIX.length) as NodeId
        nodes.push(id)
        if (value === undefined) this.#nodes.delete(id)
        else this.#nodes.set(id, { node: decodeNode(value), modRevision })
      } else if (key.startsWith(MOVE_PREFIX)) {
        const id = key.slice(MOVE_PREFIX.length) as OperationId
        if (value === undefined) this.#moves.delete(id)
        else this.#moves.set(id, { move: decodeMove(value), modRevision })
      } else if (key === RENEWALS_KEY) this.#noteRenewals(value === undefined ? undefined : decodeRenewals(value))
    }
    if (pages.length > 0) this.#clusters = undefined
    const removals = this.#removalsOf(before, pages, revision)
    for (const removal of removals) this.#removed.set(removal.nodeId, revision)
    return { revision, pages, nodes, removals }
  }

  #noteRenewals(next: Renewals | undefined): void {
    for (const [id, count] of next?.counts ?? []) {
      const known = this.#renewals?.counts.get(id)
      if (known?.nodeEpoch === count.nodeEpoch && known.counter === count.counter) continue
      this.#renewedMs.set(id, this.#clock.nowMs())
    }
    this.#renewals = next
  }

  /** By shard id and not by page: a split or merge moves shards between pages. */
  #removalsOf(before: readonly Page[], changed: readonly RangeId[], revision: Revision): Removal[] {
    if (before.length === 0) return []
    const now = new Map<ShardId, { page: Page; shard: Shard }>()
    for (const id of changed) {
      const page = this.#pages.get(id)?.page
      for (const shard of page?.shards ?? []) {
        const other = now.get(shard.shardId)
        if (page !== undefined && (other === undefined || other.page.generation < page.generation)) {
          now.set(shard.shardId, { page, shard })
        }
      }
    }
    const removals: Removal[] = []
    for (const page of before) {
      for (const shard of page.shards) {
        if (shard.status !== 'assigned') continue
        const next = now.get(shard.shardId)
        // Under another token even the same leader counts as removed: after a new listing nobody knows who led between.
        const kept =
          next?.shard.status === 'assigned' && tokensEqual(shardToken(page, shard), shardToken(next.page, next.shard))
        if (kept) continue
        removals.push({ shardId: shard.shardId, nodeId: shard.leader, nodeEpoch: shard.leaderNodeEpoch, revision })
      }
    }
    return removals
  }
}
