import { shardId } from './ids.ts'
import type { NodeId, ShardId } from './ids.ts'
import { EMPTY_KEY, formatKey, formatKeyRange, rangeContains, rangesOverlap } from './key.ts'
import type { Key } from './key.ts'
import type { NodeRecord } from './node-record.ts'
import { deciding, refuse } from './page-decision.ts'
import type { PageDecision } from './page-decision.ts'
import { pagesOverlapping, REPLICAS_MAX, shardEnd, SHARDS_PER_PAGE_MAX } from './page.ts'
import type { AssignedShard, Page, Shard } from './page.ts'
import { chooseLeader, LoadTally, placeReplicas } from './placement.ts'
import type { NodeLoad } from './placement.ts'
import { rangeIsOpen } from './range-descriptor.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import { epoch } from './token.ts'
import type { Epoch } from './token.ts'

const FIRST_EPOCH = epoch(1)

/**
 * The first page of a range that never had one: shards start at the range's start and at each of `bounds`, every shard
 * is assigned under epoch 1.
 *
 * The range must not be vacant. Under a vacant one G may still change owner and bounds, and another region would open other
 * shards under the same ids (SPEC T6) while nodes here hold data.
 */
export function openPage(
  range: RangeDescriptor,
  bounds: readonly Key[],
  nodes: readonly NodeRecord[],
  replicaCount: number,
  load: ReadonlyMap<NodeId, NodeLoad>,
): PageDecision {
  return deciding(() => {
    checkOpen(range)
    if (!Number.isInteger(replicaCount) || replicaCount < 1 || replicaCount > REPLICAS_MAX) {
      refuse('INVALID_ARGUMENT', `${replicaCount} replicas, not 1 to ${REPLICAS_MAX}`)
    }
    checkCount(range, bounds.length + 1)
    const starts = [range.start, ...bounds]
    for (const [index, bound] of bounds.entries()) {
      if (!rangeContains(range, bound))
        refuse('KEY_OUTSIDE_RANGE', `shard bound ${formatKey(bound)} lies outside ${named(range)}`)
      if (bound <= (starts[index] ?? EMPTY_KEY)) {
        refuse('INVALID_ARGUMENT', `shard bound ${formatKey(bound)} is not above the one before it`)
      }
    }
    const tally = new LoadTally(load)
    const shards = starts.map((start, ordinal) => {
      const replicas = placeReplicas(nodes, replicaCount, tally.loads)
      for (const node of replicas) tally.add(node, { replicas: 1 })
      return led({ shardId: shardId(range.rangeId, ordinal), start, replicas }, FIRST_EPOCH, nodes, tally)
    })
    return pageOf(range, shards, shards.length)
  })
}

/**
 * The page of `range` under its newest generation, from the pages of older ones: after a split or merge in G. Shards,
 * their ids and replicas stay; a leader stays if it is up in the same life; every epoch starts anew at 1, which the
 * higher generation makes a higher token.
 *
 * All pages that hold keys of the range must be given, and must be replaced or removed in the transaction that writes
 * the result together with the results for their other keys: what is replaced alone takes the shards of its sibling
 * with it. Where `old` pages overlap the one of the higher generation counts.
 *
 * A standby page is adopted like an owner's when the range comes to the region that followed it: its leaderless shards get
 * leaders. What is frozen is so no more, because the transfer that asked for it is over under a higher generation.
 *
 * It does not ask where the data is: the caller vouches that this region owned or followed every key of the range since
 * the generations of `old`. After a stay in another region the replicas named here hold an old state.
 */
export function adoptPages(
  range: RangeDescriptor,
  old: readonly Page[],
  nodes: readonly NodeRecord[],
  load: ReadonlyMap<NodeId, NodeLoad>,
): PageDecision {
  return deciding(() => {
    checkOpen(range)
    const pages = pagesOverlapping(old, range.keyspace, range)
    const newer = pages.find((page) => page.generation >= range.generation)
    if (newer !== undefined) {
      refuse(
        'GENERATION_MISMATCH',
        `the page of range ${newer.rangeId} has generation ${newer.generation}, ${named(range)} only ${range.generation}`,
      )
    }
    const adopted = pages
      .flatMap((page) => piecesOf(page, range, pages))
      .toSorted((a, b) => (a.shard.start < b.shard.start ? -1 : 1))
    const tiled = adopted[0]?.shard.start === range.start && adopted.at(-1)?.end === range.end && gapless(adopted)
    if (!tiled) {
      refuse('SPLIT_NOT_AT_SHARD_BOUND', `the shards here do not add up to ${named(range)}`)
    }
    checkCount(range, adopted.length)
    const tally = new LoadTally(load)
    const living = livesOf(nodes)
    const shards = adopted.map(({ shard }): Shard => {
      if (shard.status === 'assigned' && leads(shard, living)) return { ...shard, epoch: FIRST_EPOCH }
      return led(shard, FIRST_EPOCH, nodes, tally)
    })
    // A range id keeps its start for life, so the page of the same id is among `pages` if there ever was one here.
    const nextOrdinal = pages.find((page) => page.rangeId === range.rangeId)?.nextOrdinal ?? 0
    return pageOf(range, shards, nextOrdinal)
  })
}

export interface FailOver {
  /** The very page given when nothing changed. */
  readonly page: Page
  readonly changed: readonly ShardId[]
}

/**
 * The page after every leadership in it that is dead, because its node is not up or lives another life, has passed to
 * the next leader, and every leaderless shard with a replica that is up got one. Each change raises the epoch, also the
 * change to leaderless: the old leader's token must die even when nobody can take over.
 */
export function failOver(
  page: Page,
  nodes: readonly NodeRecord[],
  load: ReadonlyMap<NodeId, NodeLoad> = new Map(),
): FailOver {
  const living = livesOf(nodes)
  const tally = new LoadTally(load)
  const changed: ShardId[] = []
  const shards = page.shards.map((shard): Shard => {
    if (shard.status === 'assigned' && leads(shard, living)) return shard
    if (shard.status === 'leaderless' && !shard.replicas.some((node) => living.has(node))) return shard
    changed.push(shard.shardId)
    return led(shard, epoch(shard.epoch + 1n), nodes, tally)
  })
  return changed.length === 0 ? { page, changed } : { page: { ...page, shards }, changed }
}

/**
 * Names `target` the leader of a shard, with epoch + 1. The very page given when it leads already in its present life,
 * so that a repeated call changes nothing.
 */
export function handOver(page: Page, id: ShardId, target: NodeId, nodes: readonly NodeRecord[]): PageDecision {
  return deciding(() => {
    const shard = page.shards.find((each) => each.shardId === id)
    if (shard === undefined) return refuse('SHARD_UNKNOWN', `the page of range ${page.rangeId} has no shard ${id}`)
    const node = nodes.find((each) => each.nodeId === target)
    if (node === undefined) return refuse('NODE_UNKNOWN', `there is no node ${target}`)
    if (!shard.replicas.includes(target)) refuse('INVALID_ARGUMENT', `node ${target} is no replica of shard ${id}`)
    if (node.status !== 'up') refuse('UNAVAILABLE', `node ${target} is ${node.status}`)
    if (shard.status === 'assigned' && shard.leader === target && shard.leaderNodeEpoch === node.nodeEpoch) return page
    const next = assigned(shard, epoch(shard.epoch + 1n), node)
    return { ...page, shards: page.shards.map((each) => (each === shard ? next : each)) }
  })
}

type UnledShard = Pick<Shard, 'shardId' | 'start' | 'replicas' | 'change'>

/** What a change of leader leaves as it is. */
function factsOf({ shardId: id, start, replicas, change }: UnledShard): UnledShard {
  return change === undefined ? { shardId: id, start, replicas } : { shardId: id, start, replicas, change }
}

function assigned(shard: UnledShard, next: Epoch, node: NodeRecord): AssignedShard {
  return {
    ...factsOf(shard),
    epoch: next,
    status: 'assigned',
    leader: node.nodeId,
    leaderNodeEpoch: node.nodeEpoch,
  }
}

/** The shard under the next leader that can be named, or under none. */
function led(shard: UnledShard, next: Epoch, nodes: readonly NodeRecord[], tally: LoadTally): Shard {
  const leader = chooseLeader(shard.replicas, nodes, tally.loads)
  if (leader === undefined) {
    return { ...factsOf(shard), epoch: next, status: 'leaderless' }
  }
  tally.add(leader.nodeId, { leaders: 1 })
  return assigned(shard, next, leader)
}

/** Node epochs of the nodes that are up. */
function livesOf(nodes: readonly NodeRecord[]): ReadonlyMap<NodeId, bigint> {
  return new Map(nodes.filter(({ status }) => status === 'up').map(({ nodeId, nodeEpoch }) => [nodeId, nodeEpoch]))
}

function leads(shard: AssignedShard, living: ReadonlyMap<NodeId, bigint>): boolean {
  return living.get(shard.leader) === shard.leaderNodeEpoch
}

interface Piece {
  readonly shard: Shard
  readonly end: Key
}

/** Shards of `page` that lie in `range`, without those whose keys a page of a higher generation holds. */
function piecesOf(page: Page, range: RangeDescriptor, pages: readonly Page[]): Piece[] {
  const newer = pages.filter((other) => other.generation > page.generation)
  return page.shards
    .map((shard, index) => ({ shard, end: shardEnd(page, index) }))
    .filter(({ shard, end }) => {
      const interval = { start: shard.start, end }
      return rangesOverlap(interval, range) && !newer.some((other) => rangesOverlap(interval, other))
    })
}

function gapless(pieces: readonly Piece[]): boolean {
  return pieces.every((piece, index) => {
    const before = pieces[index - 1]
    return before === undefined || (before.end === piece.shard.start && before.shard.start < piece.shard.start)
  })
}

function pageOf(range: RangeDescriptor, shards: readonly Shard[], nextOrdinal: number): Page {
  const { rangeId, keyspace, generation, start, end } = range
  return { rangeId, keyspace, role: 'owner', generation, freeze: undefined, start, end, nextOrdinal, shards }
}

function checkOpen(range: RangeDescriptor): void {
  if (!rangeIsOpen(range)) refuse('RANGE_NOT_ACTIVE', `${named(range)} is ${range.status}: activate it first`)
}

function checkCount(range: RangeDescriptor, count: number): void {
  if (count > SHARDS_PER_PAGE_MAX) {
    refuse('TOO_MANY_SHARDS', `${named(range)} would have ${count} shards; a range has at most ${SHARDS_PER_PAGE_MAX}`)
  }
}

function named(range: RangeDescriptor): string {
  return `range ${range.rangeId} ${formatKeyRange(range)}`
}
