import type { NodeId, ShardId } from './ids.ts'
import { isWanted } from './node-record.ts'
import type { NodeRecord } from './node-record.ts'
import type { Page, Shard } from './page.ts'
import { deciding, refuse } from './page-decision.ts'
import type { PageDecision } from './page-decision.ts'
import { epoch } from './token.ts'

/**
 * Begins to move a replica of a shard: `target` is fed from now on. No token rises, because nothing is decided but whom
 * the leader feeds. The very page given when it joins already.
 */
export function beginMove(page: Page, id: ShardId, target: NodeId, nodes: readonly NodeRecord[]): PageDecision {
  return changing(page, id, (shard) => {
    if (shard.change?.kind === 'joining' && shard.change.node === target) return shard
    if (shard.change !== undefined) return refuse('RANGE_BUSY', `the replicas of shard ${id} are changing already`)
    const node = nodes.find(({ nodeId }) => nodeId === target)
    if (node === undefined) return refuse('NODE_UNKNOWN', `there is no node ${target}`)
    if (shard.replicas.includes(target)) refuse('INVALID_ARGUMENT', `node ${target} is a replica of shard ${id}`)
    if (!isWanted(node)) refuse('UNAVAILABLE', `node ${target} is ${node.status} and ${node.duty}`)
    return { ...shard, change: { kind: 'joining', node: target } }
  })
}

/**
 * Puts the node that joins in the place of `leaving`, under epoch + 1 and the same leader; until `finishMove` quorums are
 * needed in both sets. The leader must not be the one that leaves: hand the shard over first.
 */
export function joinMove(page: Page, id: ShardId, leaving: NodeId): PageDecision {
  return changing(page, id, (shard) => {
    const { change } = shard
    if (change?.kind !== 'joining') return refuse('RANGE_BUSY', `no node joins shard ${id}`)
    if (!shard.replicas.includes(leaving)) refuse('INVALID_ARGUMENT', `node ${leaving} is no replica of shard ${id}`)
    if (shard.status !== 'assigned') return refuse('RANGE_BUSY', `shard ${id} has no leader`)
    if (shard.leader === leaving) refuse('RANGE_BUSY', `node ${leaving} leads shard ${id}: hand it over first`)
    const replicas = shard.replicas.map((node) => (node === leaving ? change.node : node))
    return { ...shard, epoch: epoch(shard.epoch + 1n), replicas, change: { kind: 'joint', prior: shard.replicas } }
  })
}

/**
 * Ends the change: from epoch + 1 on only the new set counts. The caller vouches that the leader of the present token
 * serves, hence that a quorum of each set holds its barrier, and everything before it.
 */
export function finishMove(page: Page, id: ShardId): PageDecision {
  return changing(page, id, (shard) => {
    if (shard.change?.kind !== 'joint') return refuse('RANGE_BUSY', `no change of shard ${id} is to be finished`)
    if (shard.status !== 'assigned') return refuse('RANGE_BUSY', `shard ${id} has no leader`)
    const { change: _, ...settled } = shard
    return { ...settled, epoch: epoch(shard.epoch + 1n) }
  })
}

/** The page without the node that joins. A joint change cannot be taken back: both sets count, so it goes on. */
export function abortMove(page: Page, id: ShardId): PageDecision {
  return changing(page, id, (shard) => {
    if (shard.change === undefined) return shard
    if (shard.change.kind === 'joint')
      return refuse('RANGE_BUSY', `the change of shard ${id} is past the point to abort it`)
    const { change: _, ...settled } = shard
    return settled
  })
}

function changing(page: Page, id: ShardId, change: (shard: Shard) => Shard): PageDecision {
  return deciding(() => {
    if (page.role === 'standby') refuse('NOT_OWNER_REGION', `range ${page.rangeId} is only followed here`)
    const shard = page.shards.find((each) => each.shardId === id)
    if (shard === undefined) return refuse('SHARD_UNKNOWN', `the page of range ${page.rangeId} has no shard ${id}`)
    const changed = change(shard)
    if (changed === shard) return page
    // A frozen leader is about to answer for its log: no token may rise under it but for the freeze itself.
    if (page.freeze !== undefined && changed.epoch !== shard.epoch)
      refuse('RANGE_FROZEN', `range ${page.rangeId} is frozen by ${page.freeze.operation}`)
    return { ...page, shards: page.shards.map((each) => (each === shard ? changed : each)) }
  })
}
