import { nodeEpoch, nodeId } from '@meridian/topology'
import type { NodeEpoch, NodeId, NodeRecord, Revision } from '@meridian/topology'

/** How often one life of a node has renewed: the pair rises with every committed renewal. */
export interface RenewalCount {
  readonly nodeEpoch: NodeEpoch
  readonly counter: bigint
}

/**
 * The one record `/renewals`: who renewed how often. All nodes of the region are in it, so a commit costs the same
 * whether one node renewed or all did.
 *
 *     {"elect":"812","nodes":[["eu-a1","3","117"],["eu-b1","1","9"]]}
 */
export interface Renewals {
  /** Election token of the controller that wrote it. */
  readonly elect: Revision
  readonly counts: ReadonlyMap<NodeId, RenewalCount>
}

export interface RenewedLife {
  readonly nodeId: NodeId
  readonly nodeEpoch: NodeEpoch
}

/**
 * The next record: the counters of `renewed` rise, a new life starts at 1, and lives that `nodes` no longer shows as up
 * are dropped (their epoch never returns, so no count ever falls for a life that could be watched, R3).
 */
export function renew(
  before: Renewals | undefined,
  elect: Revision,
  renewed: readonly RenewedLife[],
  nodes: Iterable<NodeRecord>,
): Renewals {
  const lives = new Map<NodeId, NodeEpoch>()
  for (const node of nodes) if (node.status === 'up') lives.set(node.nodeId, node.nodeEpoch)
  const counts = new Map<NodeId, RenewalCount>()
  for (const [id, count] of before?.counts ?? []) {
    const life = lives.get(id)
    // A life above the one known here was registered a moment ago, through another server.
    if (life !== undefined && count.nodeEpoch >= life) counts.set(id, count)
  }
  for (const { nodeId: id, nodeEpoch: life } of renewed) {
    const count = counts.get(id)
    if (count !== undefined && count.nodeEpoch > life) continue
    counts.set(id, { nodeEpoch: life, counter: count?.nodeEpoch === life ? count.counter + 1n : 1n })
  }
  return { elect, counts }
}

export function encodeRenewals(renewals: Renewals): Uint8Array {
  const nodes = [...renewals.counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, count]) => [id, String(count.nodeEpoch), String(count.counter)])
  return Buffer.from(JSON.stringify({ elect: String(renewals.elect), nodes }))
}

/** @throws Error on bytes that this code did not write: corruption, not a request error */
export function decodeRenewals(bytes: Uint8Array): Renewals {
  const parsed: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'))
  if (typeof parsed !== 'object' || parsed === null || !('elect' in parsed) || !('nodes' in parsed)) throw malformed()
  const { elect, nodes } = parsed
  if (typeof elect !== 'string' || !Array.isArray(nodes)) throw malformed()
  const counts = new Map<NodeId, RenewalCount>()
  for (const row of nodes as unknown[]) {
    if (!Array.isArray(row)) throw malformed()
    const [id, life, counter] = row as unknown[]
    if (typeof id !== 'string' || typeof life !== 'string' || typeof counter !== 'string') throw malformed()
    counts.set(nodeId(id), { nodeEpoch: nodeEpoch(BigInt(life)), counter: BigInt(counter) })
  }
  return { elect: BigInt(elect) as Revision, counts }
}

function malformed(): Error {
  return new Error('the stored record of renewals does not decode')
}
