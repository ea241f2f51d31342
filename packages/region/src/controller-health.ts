import type { NodeDuty, NodeId } from '@meridian/topology'
import type { ControllerState } from './controller-core.ts'
import { overdue } from './node-liveness.ts'
import { nodeLoadOf } from './node-leases.ts'
import type { RegionView } from './region-view.ts'

/** A node that is to lead nothing, or hold nothing. */
export interface DrainProgress {
  readonly nodeId: NodeId
  readonly duty: NodeDuty
  readonly led: number
  readonly held: number
  /** Shards of it whose other replicas, as far as they are up, are no write quorum: without this node they stop. */
  readonly indispensable: number
}

/** What keeps a controller from doing more than it does. */
export interface ControllerHealth {
  /** Too many nodes are silent at once to take them all for dead (safety 4.9); undefined when they are not. */
  readonly brake: { readonly onMs: number; readonly silent: readonly NodeId[]; readonly nextInMs: number } | undefined
  readonly drains: readonly DrainProgress[]
}

export function healthOf(state: ControllerState, view: RegionView, nowMs: number): ControllerHealth {
  const { on } = state.brake
  return {
    brake:
      on === undefined
        ? undefined
        : {
            onMs: nowMs - on.sinceMs,
            silent: overdue(state.watches, nowMs, state.timing.nodeWaitMs),
            nextInMs: Math.max(0, on.nextMs - nowMs),
          },
    drains: view
      .nodeRecords()
      .filter((node) => node.duty !== 'serving' && node.duty !== 'decommissioned')
      .map(({ nodeId, duty }) => ({
        nodeId,
        duty,
        ...nodeLoadOf(view, nodeId),
        indispensable: indispensableFor(view, nodeId),
      })),
  }
}

function indispensableFor(view: RegionView, id: NodeId): number {
  const up = new Set(
    view
      .nodeRecords()
      .filter(({ status, nodeId }) => status === 'up' && nodeId !== id)
      .map(({ nodeId }) => nodeId),
  )
  let count = 0
  for (const { page } of view.pages.values()) {
    if (page.role === 'standby') continue
    for (const { replicas } of page.shards) {
      if (!replicas.includes(id)) continue
      if (replicas.filter((replica) => up.has(replica)).length * 2 <= replicas.length) count += 1
    }
  }
  return count
}
