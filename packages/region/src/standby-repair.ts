import { chooseReplacement, LoadTally } from '@meridian/topology'
import type { NodeId, NodeRecord, Page, ShardId } from '@meridian/topology'
import type { ShardPosition } from './replica-positions.ts'

/** A shard that this region follows and that should be held by other nodes, or by more. */
export interface Repair {
  readonly page: Page
  readonly shardId: ShardId
  /** Those that go on holding it: each must say that it is fed before anything changes. */
  readonly staying: readonly NodeId[]
  readonly added: NodeId
}

export interface RepairWorld {
  /** Standby pages of ranges that no transfer moves and whose owner's page is known and fresh. */
  readonly pages: readonly Page[]
  readonly nodes: readonly NodeRecord[]
  /** Nodes whose copies are given up. */
  readonly lost: ReadonlySet<NodeId>
  readonly replicaCount: number
  readonly load: LoadTally['loads']
  /** Shards that were repaired a moment ago. */
  readonly isRecent: (shard: ShardId) => boolean
  readonly repairsMax: number
}

/**
 * Repairs to begin: of each shard one replica at a time, and only while the others are up (R19). What the replicas hold
 * counts once this region takes the range over: a quorum of nodes that have nothing yet would forget what the rest has.
 */
export function repairsOf(world: RepairWorld): Repair[] {
  const { pages, nodes, lost, replicaCount, load, isRecent, repairsMax } = world
  const up = new Set(nodes.filter(({ status }) => status === 'up').map(({ nodeId }) => nodeId))
  const tally = new LoadTally(load)
  const repairs: Repair[] = []
  for (const page of pages) {
    for (const { shardId, replicas } of page.shards) {
      if (repairs.length >= repairsMax) return repairs
      const leaving = replicas.find((node) => lost.has(node))
      if (leaving === undefined && replicas.length >= replicaCount) continue
      const staying = replicas.filter((node) => node !== leaving)
      if (isRecent(shardId) || !staying.every((node) => up.has(node))) continue
      const added = chooseReplacement(staying, nodes, tally.loads)?.nodeId
      if (added === undefined) continue
      tally.add(added, { replicas: 1 })
      repairs.push({ page, shardId, staying, added })
    }
  }
  return repairs
}

/** Whether every node that stays says that it is fed under the page's generation. */
export function isFed(repair: Repair, positions: ReadonlyMap<NodeId, ReadonlyMap<ShardId, ShardPosition>>): boolean {
  return repair.staying.every((node) => {
    const position = positions.get(node)?.get(repair.shardId)
    return position !== undefined && !position.installing && position.promised.generation === repair.page.generation
  })
}

/** The pages with these repairs done. */
export function repaired(repairs: readonly Repair[]): Page[] {
  const byPage = new Map<Page, Map<ShardId, readonly NodeId[]>>()
  for (const { page, shardId, staying, added } of repairs) {
    const shards = byPage.get(page) ?? new Map<ShardId, readonly NodeId[]>()
    shards.set(shardId, [...staying, added])
    byPage.set(page, shards)
  }
  return [...byPage].map(([page, changed]) => ({
    ...page,
    shards: page.shards.map((shard) => ({ ...shard, replicas: changed.get(shard.shardId) ?? shard.replicas })),
  }))
}
