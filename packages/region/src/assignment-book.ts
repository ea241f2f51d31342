import { ShardRecord, shardRecordOf } from '@meridian/protocol'
import { EMPTY_KEY, nodesOfShard } from '@meridian/topology'
import type { NodeId, NodeRecord, Page, RangeId, RegionId, ShardId } from '@meridian/topology'
import type { OtherRegions, StandbyPage } from './other-regions.ts'
import type { OwnedRanges } from './owned-ranges.ts'
import { takenAway } from './page-authority.ts'
import type { RegionView } from './region-view.ts'

/** What assignments are made of, as this server has it. */
export interface AssignmentSources {
  readonly view: RegionView
  readonly region: RegionId
  readonly ranges: OwnedRanges
  readonly others: OtherRegions
}

export interface AssignmentChanges {
  readonly pages: ReadonlySet<RangeId> | 'all'
  /** Node records changed. */
  readonly nodes: boolean
  /** G changed. */
  readonly ranges: boolean
}

/**
 * What one node was told of its shards, and what it has to be told now. It looks only at pages that changed and at those
 * that hold keys of them, because a region writes thousands of pages while it takes over another one.
 */
export class AssignmentBook {
  readonly #sources: AssignmentSources
  readonly #nodeId: NodeId
  readonly #told = new Map<ShardId, Buffer>()
  /** Shards told, by the page they were told from. */
  readonly #toldFrom = new Map<RangeId, Set<ShardId>>()
  /** Pages that held keys of each page at the last turn. */
  readonly #neighbours = new Map<RangeId, readonly RangeId[]>()
  /** What G showed over pages that are not of its generation, at the last turn. */
  #doubted: ReadonlyMap<RangeId, string> = new Map()
  #addresses: ReadonlyMap<NodeId, string> = new Map()

  constructor(sources: AssignmentSources, nodeId: NodeId) {
    this.#sources = sources
    this.#nodeId = nodeId
  }

  turn(changes: AssignmentChanges): { readonly changed: readonly ShardRecord[]; readonly removed: readonly ShardId[] } {
    const { view } = this.#sources
    const changed: ShardRecord[] = []
    const removed: ShardId[] = []
    const ids = this.#affected(changes)
    if (ids.size === 0) return { changed, removed }
    const before = new Set<ShardId>()
    for (const id of ids) {
      for (const shard of this.#toldFrom.get(id) ?? []) before.add(shard)
      this.#toldFrom.delete(id)
      const cluster = view.clusterOf(id)
      if (cluster === undefined) this.#neighbours.delete(id)
      else
        this.#neighbours.set(
          id,
          cluster.map((page) => page.rangeId),
        )
    }
    const nodes = new Map<NodeId, NodeRecord>(view.nodeRecords().map((node) => [node.nodeId, node]))
    for (const { page, index, shardId } of this.#newest(ids)) {
      const from = this.#toldFrom.get(page.rangeId)
      if (from === undefined) this.#toldFrom.set(page.rangeId, new Set([shardId]))
      else from.add(shardId)
      before.delete(shardId)
      const record = this.#recordOf(page, index, nodes)
      const bytes = Buffer.from(ShardRecord.encode(record).finish())
      if (this.#told.get(shardId)?.equals(bytes) === true) continue
      this.#told.set(shardId, bytes)
      changed.push(record)
    }
    for (const id of before) {
      this.#told.delete(id)
      removed.push(id)
    }
    return { changed, removed }
  }

  /** Ranges whose pages may give other records now, with all pages that hold, or held, keys of theirs. */
  #affected({ pages, nodes, ranges }: AssignmentChanges): ReadonlySet<RangeId> {
    const { view } = this.#sources
    if (pages === 'all' || (nodes && this.#moved())) {
      this.#doubted = this.#doubt()
      return new Set([...view.pages.keys(), ...this.#toldFrom.keys()])
    }
    const ids = new Set(pages)
    if (ranges || pages.size > 0) {
      const doubted = this.#doubt()
      for (const [id, shown] of doubted) if (this.#doubted.get(id) !== shown) ids.add(id)
      for (const id of this.#doubted.keys()) if (!doubted.has(id)) ids.add(id)
      this.#doubted = doubted
    }
    // What is added on the way is looked at as well.
    for (const id of ids) {
      for (const neighbour of this.#neighbours.get(id) ?? []) ids.add(neighbour)
      for (const page of view.clusterOf(id) ?? []) ids.add(page.rangeId)
    }
    return ids
  }

  /** Whether a node appeared, went, or has another address. */
  #moved(): boolean {
    const { view } = this.#sources
    const before = this.#addresses
    this.#addresses = new Map(view.nodeRecords().map(({ nodeId, address }) => [nodeId, address]))
    return (
      before.size !== this.#addresses.size || [...this.#addresses].some(([id, address]) => before.get(id) !== address)
    )
  }

  /** Owners and generations, in key order, of what G shows over owner pages that it has gone beyond. */
  #doubt(): ReadonlyMap<RangeId, string> {
    const { view, ranges } = this.#sources
    const doubted = new Map<RangeId, string>()
    for (const { page } of view.pages.values()) {
      if (page.role !== 'owner' || ranges.get(page.rangeId)?.generation === page.generation) continue
      let shown = ''
      for (let range = ranges.find(page.keyspace, page.start); range !== undefined;) {
        shown += `${range.start}@${range.owner}#${range.generation} `
        const on: boolean = range.end !== EMPTY_KEY && (page.end === EMPTY_KEY || range.end < page.end)
        range = on ? ranges.find(page.keyspace, range.end) : undefined
      }
      doubted.set(page.rangeId, shown)
    }
    return doubted
  }

  /** Where two pages hold a shard, a split or merge is being adopted, and the higher generation counts. */
  #newest(ids: ReadonlySet<RangeId>): { page: Page; index: number; shardId: ShardId }[] {
    const newest = new Map<ShardId, { page: Page; index: number; shardId: ShardId; mine: boolean }>()
    for (const id of ids) {
      const page = this.#sources.view.pages.get(id)?.page
      if (page === undefined) continue
      for (const [index, shard] of page.shards.entries()) {
        const { shardId } = shard
        const known = newest.get(shardId)
        if (known !== undefined && known.page.generation >= page.generation) continue
        const mine = nodesOfShard(shard).includes(this.#nodeId)
        if (mine || known !== undefined) newest.set(shardId, { page, index, shardId, mine })
      }
    }
    return [...newest.values()].filter(({ mine }) => mine)
  }

  #recordOf(page: Page, index: number, nodes: ReadonlyMap<NodeId, NodeRecord>): ShardRecord {
    const { region, ranges, others } = this.#sources
    const record = shardRecordOf(page, index, region, nodes)
    if (page.role === 'standby') return record
    const shard = page.shards[index]
    if (shard === undefined) return record
    const away = others.standbyPages(page.rangeId).flatMap((standby) => learnersOf(page, index, standby))
    if (!takenAway(ranges, region, page, shard)) return { ...record, learners: [...record.learners, ...away] }
    // Only ever less than the page says: nobody leads here what G has given to another region (R12).
    return { ...record, leader: '', leaderAddress: '', leaderNodeEpoch: 0n, learners: [] }
  }
}

/** Replicas by which a standby region follows the shard; one whose address is not known yet cannot be fed. */
function learnersOf(page: Page, index: number, standby: StandbyPage): ShardRecord['learners'] {
  if (standby.page.generation !== page.generation) return []
  const id = page.shards[index]?.shardId
  const { shards } = standby.page
  // Pages of one generation have the same shards in the same order.
  const shard = shards[index]?.shardId === id ? shards[index] : shards.find(({ shardId }) => shardId === id)
  return (shard?.replicas ?? []).flatMap((nodeId) => {
    const address = standby.addressOf(nodeId)
    return address === undefined ? [] : [{ nodeId, address }]
  })
}
