import { MeridianError } from './errors.ts'
import type { NodeId } from './ids.ts'
import { isWanted } from './node-record.ts'
import type { NodeRecord } from './node-record.ts'

/** What a node carries already. */
export interface NodeLoad {
  readonly replicas: number
  readonly leaders: number
}

const NO_LOAD: NodeLoad = { replicas: 0, leaders: 0 }

/**
 * `count` distinct nodes that are up and serving for the replicas of one shard: zones first (one is used again only when every other zone
 * with a free node has as many replicas), then the least replicas for the node's capacity, then the node id.
 *
 * @throws MeridianError NOT_ENOUGH_NODES with fewer than `count` such nodes: a shorter list would be a smaller write
 *   quorum that nobody decided on
 */
export function placeReplicas(
  nodes: readonly NodeRecord[],
  count: number,
  load: ReadonlyMap<NodeId, NodeLoad>,
): NodeId[] {
  const free = nodes.filter(isWanted)
  if (free.length < count) {
    throw new MeridianError(
      'NOT_ENOUGH_NODES',
      `${count} replicas need ${count} nodes that are up and not drained, and ${free.length} are`,
      {
        details: { needed: String(count), up: String(free.length) },
      },
    )
  }
  const chosen: NodeRecord[] = []
  const inZone = new Map<string, number>()
  while (chosen.length < count) {
    const best = least(
      free.filter((node) => !chosen.includes(node)),
      (a, b) => (inZone.get(a.zone) ?? 0) - (inZone.get(b.zone) ?? 0) || byShare(a, b, load, 'replicas'),
    )
    if (best === undefined) throw new Error('fewer nodes than counted')
    chosen.push(best)
    inZone.set(best.zone, (inZone.get(best.zone) ?? 0) + 1)
  }
  return chosen.map(({ nodeId }) => nodeId)
}

/**
 * The `up` replica with the least leaders for its capacity, then by node id, one that is being drained only when there is
 * no other: a leader that has to go soon is better than none. `exclude` is never chosen. Undefined when
 * there is none: the shard is then leaderless. Nothing here looks at logs: the seal finds what a write quorum holds,
 * whichever replica leads.
 */
export function chooseLeader(
  replicas: readonly NodeId[],
  nodes: readonly NodeRecord[],
  load: ReadonlyMap<NodeId, NodeLoad>,
  exclude?: NodeId,
): NodeRecord | undefined {
  const able = nodes.filter(({ nodeId, status }) => status === 'up' && nodeId !== exclude && replicas.includes(nodeId))
  const wanted = able.filter(isWanted)
  return least(wanted.length > 0 ? wanted : able, (a, b) => byShare(a, b, load, 'leaders'))
}

/**
 * The node to take a replica that leaves: up and serving, none of `staying`, in a zone with the fewest of them, with the
 * least replicas for its capacity, then by node id. Undefined when there is none.
 */
export function chooseReplacement(
  staying: readonly NodeId[],
  nodes: readonly NodeRecord[],
  load: ReadonlyMap<NodeId, NodeLoad>,
): NodeRecord | undefined {
  const zoneOf = new Map(nodes.map(({ nodeId, zone }) => [nodeId, zone]))
  const inZone = new Map<string, number>()
  for (const node of staying) {
    const zone = zoneOf.get(node)
    if (zone !== undefined) inZone.set(zone, (inZone.get(zone) ?? 0) + 1)
  }
  return least(
    nodes.filter((node) => isWanted(node) && !staying.includes(node.nodeId)),
    (a, b) => (inZone.get(a.zone) ?? 0) - (inZone.get(b.zone) ?? 0) || byShare(a, b, load, 'replicas'),
  )
}

/** Load that grows while a page is laid out, so that its shards spread over equal nodes. */
export class LoadTally {
  readonly #loads: Map<NodeId, NodeLoad>

  constructor(load: ReadonlyMap<NodeId, NodeLoad>) {
    this.#loads = new Map(load)
  }

  get loads(): ReadonlyMap<NodeId, NodeLoad> {
    return this.#loads
  }

  add(node: NodeId, more: Partial<NodeLoad>): void {
    const { replicas, leaders } = this.#loads.get(node) ?? NO_LOAD
    this.#loads.set(node, { replicas: replicas + (more.replicas ?? 0), leaders: leaders + (more.leaders ?? 0) })
  }
}

/** By the share each would have with one more; in whole numbers, so that equal shares are equal. */
function byShare(a: NodeRecord, b: NodeRecord, load: ReadonlyMap<NodeId, NodeLoad>, what: keyof NodeLoad): number {
  const next = (node: NodeRecord): number => (load.get(node.nodeId) ?? NO_LOAD)[what] + 1
  return next(a) * b.capacity - next(b) * a.capacity || (a.nodeId < b.nodeId ? -1 : 1)
}

function least<T>(items: readonly T[], compare: (a: T, b: T) => number): T | undefined {
  let best: T | undefined
  for (const item of items) if (best === undefined || compare(item, best) < 0) best = item
  return best
}
