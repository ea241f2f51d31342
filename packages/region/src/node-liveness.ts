import type { NodeEpoch, NodeId, NodeRecord } from '@meridian/topology'
import type { Renewals } from './renewals.ts'

/**
 * What the controller thinks of one node.
 *
 * - `counting`: up; its silence is being measured.
 * - `condemned`: silent for W_N; the transaction that raises its node epoch is under way.
 * - `down`: given up; only a new registration brings it back.
 */
export const NODE_PHASES = ['counting', 'condemned', 'down'] as const
export type NodePhase = (typeof NODE_PHASES)[number]

/**
 * - `renewed`: its counter, or its life, was seen to have moved.
 * - `overdue`: W_N has passed since it last did.
 * - `spared`: the condemning transaction was refused or not answered.
 * - `fell`: its record says down.
 * - `rose`: its record says up, and said down or belonged to another life before.
 */
export const NODE_SIGNALS = ['renewed', 'overdue', 'spared', 'fell', 'rose'] as const
export type NodeSignal = (typeof NODE_SIGNALS)[number]

/** Where each signal leads from each phase. A condemned node that renews stays so: the transaction's compare decides. */
export const NODE_TRANSITIONS: Readonly<Record<NodePhase, Readonly<Record<NodeSignal, NodePhase>>>> = {
  counting: { renewed: 'counting', overdue: 'condemned', spared: 'counting', fell: 'down', rose: 'counting' },
  condemned: { renewed: 'condemned', overdue: 'condemned', spared: 'counting', fell: 'down', rose: 'counting' },
  down: { renewed: 'down', overdue: 'down', spared: 'down', fell: 'down', rose: 'counting' },
}

export interface NodeWatch {
  readonly phase: NodePhase
  readonly nodeEpoch: NodeEpoch
  /** Counter of this life as last read from E; 0 before its first renewal. */
  readonly counter: bigint
  /** Controller's clock at the linearizable read that first showed this counter, or at the last restart of the wait. */
  readonly sinceMs: number
}

export type NodeWatches = ReadonlyMap<NodeId, NodeWatch>

/**
 * The watches after a linearizable read of the renewals, and of the node records as this server knows them.
 *
 * @param restart every wait starts over: E was not demonstrably working since the last look, or this is the first one
 */
export function observe(
  watches: NodeWatches,
  nodes: Iterable<NodeRecord>,
  renewals: Renewals | undefined,
  nowMs: number,
  restart: boolean,
): NodeWatches {
  const next = new Map<NodeId, NodeWatch>()
  for (const node of nodes) {
    const before = watches.get(node.nodeId)
    const count = renewals?.counts.get(node.nodeId)
    const counter = count?.nodeEpoch === node.nodeEpoch ? count.counter : 0n
    const seen = { nodeEpoch: node.nodeEpoch, counter }
    if (before === undefined) {
      next.set(node.nodeId, { ...seen, phase: node.status === 'up' ? 'counting' : 'down', sinceMs: nowMs })
      continue
    }
    const signal = signalOf(before, node, counter)
    const phase = signal === undefined ? before.phase : NODE_TRANSITIONS[before.phase][signal]
    next.set(node.nodeId, { ...seen, phase, sinceMs: signal === undefined && !restart ? before.sinceMs : nowMs })
  }
  return next
}

function signalOf(before: NodeWatch, node: NodeRecord, counter: bigint): NodeSignal | undefined {
  if (node.status === 'down') return before.phase === 'down' ? undefined : 'fell'
  if (before.phase === 'down' || before.nodeEpoch !== node.nodeEpoch) return 'rose'
  return counter === before.counter ? undefined : 'renewed'
}

/** Up nodes whose counter has not moved for `waitMs`, longest silence first. */
export function overdue(watches: NodeWatches, nowMs: number, waitMs: number): NodeId[] {
  return [...watches]
    .filter(([, watch]) => watch.phase === 'counting' && nowMs - watch.sinceMs >= waitMs)
    .toSorted(([, a], [, b]) => a.sinceMs - b.sinceMs)
    .map(([id]) => id)
}

/** From `nowMs` until the next node becomes overdue, if none of them renews, ms; those that are already do not count. */
export function overdueInMs(watches: NodeWatches, nowMs: number, waitMs: number): number {
  let nextMs = Infinity
  for (const { phase, sinceMs } of watches.values()) {
    const inMs = sinceMs + waitMs - nowMs
    if (phase === 'counting' && inMs > 0) nextMs = Math.min(nextMs, inMs)
  }
  return nextMs
}

export function signalled(watches: NodeWatches, ids: readonly NodeId[], signal: NodeSignal): NodeWatches {
  const next = new Map(watches)
  for (const id of ids) {
    const watch = next.get(id)
    if (watch !== undefined) next.set(id, { ...watch, phase: NODE_TRANSITIONS[watch.phase][signal] })
  }
  return next
}
