import { formatKey, rangeContains, rangeIsEmpty, rangesOverlap } from './key.ts'
import type { Key, KeyRange } from './key.ts'
import { SHARD_ORDINAL_MAX, shardIdParts } from './ids.ts'
import type { KeyspaceName, NodeId, OperationId, RangeId, ShardId } from './ids.ts'
import type { Epoch, Generation, NodeEpoch, Revision, Token } from './token.ts'

/** Shards of one range, hence of one page: 4-16 KB packed. */
export const SHARDS_PER_PAGE_MAX = 512
/** Replicas of one shard. */
export const REPLICAS_MAX = 7

/**
 * - `assigned`: `leader` may serve once it has sealed a write quorum under the shard's token.
 * - `leaderless`: no live replica could be named; nobody serves.
 */
export const SHARD_STATUSES = ['assigned', 'leaderless'] as const
export type ShardStatus = (typeof SHARD_STATUSES)[number]

/**
 * A change of the nodes that hold a shard, one at a time.
 *
 * - `joining`: `node` of this region is fed like a standby's replica and counted in no quorum yet.
 * - `joint`: the replicas are the new set already; until the change is over, seals and writes need a quorum of it and one
 *   of `prior`, the set before.
 */
export type ReplicaChange =
  | { readonly kind: 'joining'; readonly node: NodeId }
  | { readonly kind: 'joint'; readonly prior: readonly NodeId[] }

interface ShardFacts {
  readonly shardId: ShardId
  /** First key; the shard ends where the next one starts, the last where the page ends. */
  readonly start: Key
  /** Rises on every change of leader within the page's generation (SPEC T4). */
  readonly epoch: Epoch
  /** Nodes that hold the shard's log, distinct, at most REPLICAS_MAX. */
  readonly replicas: readonly NodeId[]
  /** Absent: they are what they are. */
  readonly change?: ReplicaChange
}

export interface AssignedShard extends ShardFacts {
  readonly status: 'assigned'
  /** One of `replicas`. */
  readonly leader: NodeId
  /** The life of the leader's process this leadership is bound to: a later life must be assigned anew. */
  readonly leaderNodeEpoch: NodeEpoch
}

export interface LeaderlessShard extends ShardFacts {
  readonly status: 'leaderless'
}

export type Shard = AssignedShard | LeaderlessShard

/**
 * - `owner`: of the region that owns the range; its shards have leaders.
 * - `standby`: of a region that follows it: the same shards with replicas of its own, which the leaders feed. It names
 *   no leader and claims nothing.
 */
export const PAGE_ROLES = ['owner', 'standby'] as const
export type PageRole = (typeof PAGE_ROLES)[number]

/** The transfer that a page is frozen for. */
export interface Freeze {
  readonly operation: OperationId
  /** Revision of G at which the range was seen frozen: only a view at or above it can tell that this has ended. */
  readonly revision: Revision
}

/** All shards of one range in a region that owns or follows it; one key of that region's etcd. */
export interface Page {
  readonly rangeId: RangeId
  readonly keyspace: KeyspaceName
  readonly role: PageRole
  /** The generation of the range this page is subordinate to: it counts only while the range has that very one. */
  readonly generation: Generation
  /** Present: leaders under the tokens of this page take no writes. A freeze and a thaw each raise every epoch. */
  readonly freeze: Freeze | undefined
  readonly start: Key
  readonly end: Key
  /** Ordinal of the next shard born under this range id. */
  readonly nextOrdinal: number
  /** In key order; the first starts at `start`. At least one. */
  readonly shards: readonly Shard[]
}

export function shardToken(page: Page, shard: Shard): Token {
  return { generation: page.generation, epoch: shard.epoch }
}

/** Every node that has to do with the shard: that holds it, will or did. */
export function nodesOfShard({ replicas, change }: Pick<Shard, 'replicas' | 'change'>): readonly NodeId[] {
  if (change === undefined) return replicas
  return [...new Set([...replicas, ...(change.kind === 'joining' ? [change.node] : change.prior)])]
}

/** Where shard `index` of `page` ends. */
export function shardEnd(page: Page, index: number): Key {
  return page.shards[index + 1]?.start ?? page.end
}

/** Index of the shard that holds `key`; the caller has checked that the page's interval contains it. */
export function shardIndexOf(page: Page, key: Key): number {
  let low = 0
  let high = page.shards.length - 1
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    const shard = page.shards[middle]
    if (shard !== undefined && shard.start <= key) low = middle
    else high = middle - 1
  }
  return low
}

/** The pages of `keyspace` that hold a key of `range`, in key order. */
export function pagesOverlapping(pages: readonly Page[], keyspace: KeyspaceName, range: KeyRange): Page[] {
  return pages
    .filter((page) => page.keyspace === keyspace && rangesOverlap(page, range))
    .toSorted((a, b) => (a.start === b.start ? 0 : a.start < b.start ? -1 : 1))
}

/**
 * What is wrong with `page` taken by itself (SPEC T6, T7, T8), in words; undefined when nothing is. Whether its range
 * has its generation (T5) only a range map can tell.
 */
export function pageComplaint(page: Page): string | undefined {
  const { shards } = page
  if (rangeIsEmpty(page)) return 'its interval holds no key'
  if (page.generation < 1n) return `its generation is ${page.generation}, and the first one is 1`
  if (page.role === 'standby') {
    if (page.freeze !== undefined) return 'it is a standby page and frozen'
    const changing = shards.find((shard) => shard.change !== undefined)
    if (changing !== undefined) return `it is a standby page, and the replicas of shard ${changing.shardId} change`
    const led = shards.find((shard) => shard.status === 'assigned')
    if (led !== undefined) return `it is a standby page, and shard ${led.shardId} has a leader`
  }
  if (shards.length < 1 || shards.length > SHARDS_PER_PAGE_MAX) {
    return `it has ${shards.length} shards, not 1 to ${SHARDS_PER_PAGE_MAX}`
  }
  if (page.nextOrdinal < 0 || page.nextOrdinal > SHARD_ORDINAL_MAX + 1) return `its next ordinal is ${page.nextOrdinal}`
  const ids = new Set<ShardId>()
  let previous: Shard | undefined
  for (const shard of shards) {
    const complaint = shardComplaint(page, shard, previous)
    if (complaint !== undefined) return `shard ${shard.shardId}: ${complaint}`
    if (ids.has(shard.shardId)) return `shard ${shard.shardId} is in it twice`
    ids.add(shard.shardId)
    previous = shard
  }
  return undefined
}

function shardComplaint(page: Page, shard: Shard, previous: Shard | undefined): string | undefined {
  const { replicas } = shard
  if (previous === undefined && shard.start !== page.start) return 'it is the first and does not start with the page'
  if (previous !== undefined && shard.start <= previous.start)
    return `its start ${formatKey(shard.start)} is not above the previous one`
  if (!rangeContains(page, shard.start)) return `its start ${formatKey(shard.start)} lies outside the page`
  const { range, ordinal } = shardIdParts(shard.shardId)
  if (range === page.rangeId && ordinal >= page.nextOrdinal)
    return `its ordinal is not below the next one, ${page.nextOrdinal}`
  if (shard.epoch < 1n) return 'its epoch is below 1'
  if (replicas.length < 1 || replicas.length > REPLICAS_MAX)
    return `it has ${replicas.length} replicas, not 1 to ${REPLICAS_MAX}`
  if (new Set(replicas).size !== replicas.length) return `its replicas ${replicas.join(', ')} are not distinct`
  if (shard.status === 'assigned' && !replicas.includes(shard.leader))
    return `its leader ${shard.leader} is no replica of it`
  return changeComplaint(shard)
}

function changeComplaint({ replicas, change }: Shard): string | undefined {
  if (change?.kind === 'joining' && replicas.includes(change.node)) return `${change.node} joins and is a replica of it`
  if (change?.kind !== 'joint') return undefined
  const { prior } = change
  if (prior.length < 1 || prior.length > REPLICAS_MAX)
    return `it had ${prior.length} replicas, not 1 to ${REPLICAS_MAX}`
  if (new Set(prior).size !== prior.length) return `its replicas before, ${prior.join(', ')}, are not distinct`
  // One after the other: what stands for a node that is gone must hold what it held before the next one goes.
  if (prior.filter((node) => !replicas.includes(node)).length > 1) return 'more than one replica of it leaves at once'
  return undefined
}
