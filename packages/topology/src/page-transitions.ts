import { MeridianError } from './errors.ts'
import type { NodeId, OperationId, ShardId } from './ids.ts'
import { isWanted } from './node-record.ts'
import type { NodeRecord } from './node-record.ts'
import type { Page, Shard } from './page.ts'
import { LoadTally, placeReplicas } from './placement.ts'
import type { NodeLoad } from './placement.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import type { PageDecision } from './page-decision.ts'
import { epoch } from './token.ts'
import type { Revision } from './token.ts'

const FIRST_EPOCH = epoch(1)

/**
 * The page whose leaders take no writes, for the sake of one transfer. Every epoch rises, so that a token tells whether its
 * shard is frozen: a record from before can never open what is frozen under a higher one. The very page given when it
 * is frozen for this operation already.
 */
export function freezePage(page: Page, operation: OperationId, revision: Revision): Page {
  if (page.role === 'standby') throw new Error(`the standby page of range ${page.rangeId} has nothing to freeze`)
  if (page.freeze?.operation === operation) return page
  return { ...page, freeze: { operation, revision }, shards: page.shards.map(raised) }
}

/**
 * The page open for writes again, every epoch raised. Only on a view of G at or above the freeze's revision that shows its
 * operation ended: a thaw before the abort is committed lets both regions serve.
 */
export function thawPage(page: Page): Page {
  return page.freeze === undefined ? page : { ...page, freeze: undefined, shards: page.shards.map(raised) }
}

function raised(shard: Shard): Shard {
  return { ...shard, epoch: epoch(shard.epoch + 1n) }
}

/**
 * The page of a region that follows `range`: the shards of `source`, the owner's page, each with the replicas that one of
 * `own`, the region's pages so far, gives it, whatever its role, and else with up to `replicaCount` live nodes. Nobody
 * leads.
 *
 * A shard may get fewer replicas than asked, because a copy too few is better than none, and no quorum rests on them
 * while another region owns the range.
 */
export function standbyPage(
  range: RangeDescriptor,
  source: Page,
  own: readonly Page[],
  nodes: readonly NodeRecord[],
  replicaCount: number,
  load: ReadonlyMap<NodeId, NodeLoad>,
): PageDecision {
  if (source.generation !== range.generation) {
    return refused(`the owner's page has generation ${source.generation}, range ${range.rangeId} ${range.generation}`)
  }
  if (source.role !== 'owner') return refused(`the page given for range ${range.rangeId} is no owner's`)
  const held = new Map<ShardId, readonly NodeId[]>()
  // Where pages overlap, the one of the higher generation counts.
  for (const page of own.toSorted((a, b) => (a.generation < b.generation ? -1 : 1))) {
    for (const shard of page.shards) held.set(shard.shardId, shard.replicas)
  }
  const up = nodes.filter(isWanted)
  const count = Math.min(replicaCount, up.length)
  const tally = new LoadTally(load)
  const shards: Shard[] = []
  for (const { shardId, start } of source.shards) {
    const kept = held.get(shardId)
    if (kept === undefined && count === 0) return refused('no node is up to follow it', 'NOT_ENOUGH_NODES')
    const replicas = kept ?? placeReplicas(up, count, tally.loads)
    if (kept === undefined) for (const node of replicas) tally.add(node, { replicas: 1 })
    shards.push({ shardId, start, epoch: FIRST_EPOCH, replicas, status: 'leaderless' })
  }
  const { rangeId, keyspace, generation, start, end } = range
  const { nextOrdinal } = source
  return {
    ok: true,
    page: { rangeId, keyspace, role: 'standby', generation, freeze: undefined, start, end, nextOrdinal, shards },
  }
}

/** Whether two pages of one range hold the same shards with the same bounds, whoever holds or leads them. */
export function sameShards(a: Page, b: Page): boolean {
  return (
    a.start === b.start &&
    a.end === b.end &&
    a.shards.length === b.shards.length &&
    a.shards.every((shard, index) => {
      const other = b.shards[index]
      return other?.shardId === shard.shardId && other.start === shard.start
    })
  )
}

function refused(
  message: string,
  code: 'GENERATION_MISMATCH' | 'NOT_ENOUGH_NODES' = 'GENERATION_MISMATCH',
): PageDecision {
  return { ok: false, error: new MeridianError(code, message) }
}
