import { chooseReplacement, LoadTally } from '@meridian/topology'
import type { NodeId, NodeRecord, Page, Shard, ShardId } from '@meridian/topology'
import { isOver } from './move-record.ts'
import type { ReplicaMove } from './move-record.ts'
import { RegionLimits } from './region-timing.ts'

export interface PlannedMove {
  readonly shardId: ShardId
  readonly from: NodeId
  readonly to: NodeId
}

export interface MovePlanWorld {
  /** Owner pages at the generation that G shows, not frozen. */
  readonly pages: readonly Page[]
  readonly nodes: readonly NodeRecord[]
  readonly moves: readonly ReplicaMove[]
  readonly load: LoadTally['loads']
  readonly wallMs: number
}

/** Nodes that twice lately did not become a replica, in time: nobody is moved there for a while. */
export function suspectsOf(moves: readonly ReplicaMove[], wallMs: number): ReadonlySet<NodeId> {
  const failed = new Map<NodeId, number>()
  for (const { phase, to, updatedWallMs } of moves) {
    if (phase !== 'aborted' || wallMs - updatedWallMs >= RegionLimits.suspectMs) continue
    failed.set(to, (failed.get(to) ?? 0) + 1)
  }
  return new Set([...failed].filter(([, times]) => times >= RegionLimits.suspectFailures).map(([node]) => node))
}

/** Where a replica of `shard` that leaves `from` should go, if anywhere. */
export function targetOf(
  shard: Shard,
  from: NodeId,
  { nodes, moves, load, wallMs }: Pick<MovePlanWorld, 'nodes' | 'moves' | 'load' | 'wallMs'>,
): NodeId | undefined {
  const suspects = suspectsOf(moves, wallMs)
  const staying = shard.replicas.filter((node) => node !== from)
  const able = nodes.filter(({ nodeId }) => nodeId !== from && !suspects.has(nodeId))
  return chooseReplacement(staying, able, load)?.nodeId
}

/** Moves to begin now, so that nodes that are leaving, or have left, get rid of their replicas. */
export function movesToBegin(world: MovePlanWorld): PlannedMove[] {
  const going = new Set(
    world.nodes.filter(({ duty }) => duty === 'leaving' || duty === 'decommissioned').map(({ nodeId }) => nodeId),
  )
  const room = RegionLimits.movesMax - world.moves.filter((move) => !isOver(move)).length
  if (going.size === 0 || room <= 0) return []
  const tally = new LoadTally(world.load)
  const planned: PlannedMove[] = []
  for (const page of world.pages) {
    for (const shard of page.shards) {
      if (planned.length >= room) return planned
      // Without a leader nobody could feed anybody.
      const from = shard.replicas.find((node) => going.has(node))
      if (from === undefined || shard.change !== undefined || shard.status !== 'assigned') continue
      const to = targetOf(shard, from, { ...world, load: tally.loads })
      if (to === undefined) continue
      tally.add(to, { replicas: 1 })
      planned.push({ shardId: shard.shardId, from, to })
    }
  }
  return planned
}

/** Nodes that are leaving and hold nothing any more. */
export function gone(nodes: readonly NodeRecord[], load: LoadTally['loads']): NodeRecord[] {
  return nodes.filter((node) => node.duty === 'leaving' && (load.get(node.nodeId)?.replicas ?? 0) === 0)
}
