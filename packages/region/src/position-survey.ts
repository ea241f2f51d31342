import type { Clock, Logger } from '@meridian/loop'
import type { NodeId, Shard, ShardId } from '@meridian/topology'
import type { RegionView } from './region-view.ts'
import type { ReplicaPositions, ShardPosition } from './replica-positions.ts'

export interface PositionSurveyOptions {
  readonly view: RegionView
  readonly positions: ReplicaPositions
  readonly clock: Clock
  readonly log: Logger
}

/** What the nodes said, by shard and node; who did not answer is left out. */
export type Survey = ReadonlyMap<ShardId, ReadonlyMap<NodeId, ShardPosition>>

/** Patience for one node, ms: a node that takes longer is asked again in the next round. */
const ASKED_MS_MAX = 2000

/** Asks nodes for the positions of shards, each node once. */
export class PositionSurvey {
  readonly #options: PositionSurveyOptions

  constructor(options: PositionSurveyOptions) {
    this.#options = options
  }

  /** Leaders first: whatever they had committed when they were asked, the others may be asked to hold. */
  async ask(
    shards: readonly { readonly shard: Shard; readonly also: readonly NodeId[] }[],
    signal: AbortSignal,
  ): Promise<Survey> {
    const leaders = new Map<NodeId, ShardId[]>()
    const others = new Map<NodeId, ShardId[]>()
    const note = (asked: Map<NodeId, ShardId[]>, node: NodeId, shard: ShardId): void => {
      const known = asked.get(node)
      if (known === undefined) asked.set(node, [shard])
      else known.push(shard)
    }
    for (const { shard, also } of shards) {
      const leader = shard.status === 'assigned' ? shard.leader : undefined
      if (leader !== undefined) note(leaders, leader, shard.shardId)
      for (const node of new Set([...shard.replicas, ...also])) if (node !== leader) note(others, node, shard.shardId)
    }
    const found = new Map<ShardId, Map<NodeId, ShardPosition>>()
    for (const asked of [leaders, others]) {
      await Promise.all([...asked].map(([node, ids]) => this.#askOne(node, ids, found, signal)))
    }
    return found
  }

  async #askOne(
    node: NodeId,
    shards: readonly ShardId[],
    into: Map<ShardId, Map<NodeId, ShardPosition>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { view, positions, clock, log } = this.#options
    const record = view.nodes.get(node)?.node
    if (record?.status !== 'up') return
    const late = new AbortController()
    const timer = clock.sleep(ASKED_MS_MAX, AbortSignal.any([late.signal, signal])).then(
      () => late.abort(new Error('late')),
      () => {},
    )
    try {
      for (const position of await positions.positions(record, shards, AbortSignal.any([late.signal, signal]))) {
        const known = into.get(position.shardId)
        if (known === undefined) into.set(position.shardId, new Map([[node, position]]))
        else known.set(node, position)
      }
    } catch (error) {
      if (!signal.aborted) log.debug({ err: error, node }, 'node does not tell its positions')
    } finally {
      late.abort(new Error('done'))
      await timer
    }
  }
}
