import { keyBytes, shardEnd, shardToken } from '@meridian/topology'
import type { NodeId, NodeRecord, Page, RegionId } from '@meridian/topology'
import { toWireToken } from './mapping.ts'
import type { ShardRecord } from './gen/meridian/topology/v1/topology.ts'

/**
 * The full record of shard `index` of `page`, joined with the addresses of its nodes. A node that `nodes` does not
 * know has the empty address: its record has not been seen yet, and nobody can dial it.
 */
export function shardRecordOf(
  page: Page,
  index: number,
  region: RegionId,
  nodes: ReadonlyMap<NodeId, NodeRecord>,
): ShardRecord {
  const shard = page.shards[index]
  if (shard === undefined) throw new Error(`page ${page.rangeId} has no shard ${index}`)
  const replica = (nodeId: NodeId): { nodeId: NodeId; address: string } => ({
    nodeId,
    address: nodes.get(nodeId)?.address ?? '',
  })
  const { change } = shard
  const leader = shard.status === 'assigned' ? shard.leader : undefined
  return {
    shardId: shard.shardId,
    rangeId: page.rangeId,
    keyspace: page.keyspace,
    start: Buffer.from(keyBytes(shard.start)),
    end: Buffer.from(keyBytes(shardEnd(page, index))),
    token: toWireToken(shardToken(page, shard)),
    region,
    leader: leader ?? '',
    leaderAddress: leader === undefined ? '' : (nodes.get(leader)?.address ?? ''),
    replicas: shard.replicas.map(replica),
    leaderNodeEpoch: shard.status === 'assigned' ? shard.leaderNodeEpoch : 0n,
    role: page.role,
    freezeOperation: page.freeze?.operation ?? '',
    learners: change?.kind === 'joining' ? [replica(change.node)] : [],
    prior: change?.kind === 'joint' ? change.prior.map(replica) : [],
  }
}
