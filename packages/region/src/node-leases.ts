import { nodesOfShard } from '@meridian/topology'
import type { NodeStatus } from '@meridian/protocol'
import type { NodeId, NodeRecord } from '@meridian/topology'
import type { RegionView } from './region-view.ts'

/** In one word: a node that is down says so, whatever it is wanted for. */
function statusOf({ status, duty }: NodeRecord): string {
  if (duty === 'decommissioned' || (status === 'up' && duty !== 'serving')) return duty
  return status
}

export interface NodeHoldings {
  readonly led: number
  readonly held: number
}

/** What a node leads and holds, also of ranges that the region only follows. */
export function nodeLoadOf(view: Pick<RegionView, 'pages'>, id: NodeId): NodeHoldings {
  let [led, held] = [0, 0]
  for (const { page } of view.pages.values()) {
    for (const shard of page.shards) {
      if (nodesOfShard(shard).includes(id)) held += 1
      if (shard.status === 'assigned' && shard.leader === id) led += 1
    }
  }
  return { led, held }
}

/** The nodes of the region as this server sees them, in order of their ids. Any server can answer, not only the controller. */
export function nodeStatuses(view: RegionView): NodeStatus[] {
  const led = new Map<NodeId, number>()
  const held = new Map<NodeId, number>()
  for (const { page } of view.pages.values()) {
    for (const shard of page.shards) {
      for (const node of nodesOfShard(shard)) held.set(node, (held.get(node) ?? 0) + 1)
      if (shard.status === 'assigned') led.set(shard.leader, (led.get(shard.leader) ?? 0) + 1)
    }
  }
  return view
    .nodeRecords()
    .toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
    .map((node) => ({
      nodeId: node.nodeId,
      zone: node.zone,
      address: node.address,
      nodeEpoch: node.nodeEpoch,
      status: statusOf(node),
      shardsLed: led.get(node.nodeId) ?? 0,
      shardsHeld: held.get(node.nodeId) ?? 0,
      silentMs: BigInt(Math.max(0, Math.round(view.silentMs(node.nodeId)))),
    }))
}
