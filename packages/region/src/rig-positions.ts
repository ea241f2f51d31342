import { MeridianError, token, tokensEqual, ZERO_TOKEN } from '@meridian/topology'
import type { NodeId, ShardId, Token } from '@meridian/topology'
import type { ShardRecord } from '@meridian/protocol'
import type { ReplicaPositions, ShardPosition } from './replica-positions.ts'
import type { RigNode } from './rig.ts'

const INDEX = 10

/**
 * For the tests of this package: replicas that are fed at once by a leader that has a quorum of every set that counts,
 * as far as their nodes have applied what they were told. A leader serves when it is asked for the second time.
 */
export class RigPositions implements ReplicaPositions {
  readonly #nodes: ReadonlyMap<string, RigNode>
  /** Whether leaders elsewhere feed the copies of what this region follows. */
  feedStandbys = false
  /** Nodes that never catch up. */
  readonly stuck = new Set<string>()
  /** `1.0 g1.e2`: tokens under which a leader said that it serves. */
  readonly served = new Set<string>()
  readonly #sealed = new Set<string>()
  readonly #fed = new Map<string, Token>()

  constructor(nodes: ReadonlyMap<string, RigNode>) {
    this.#nodes = nodes
  }

  positions(node: { readonly nodeId: NodeId }, shards: readonly ShardId[]): Promise<readonly ShardPosition[]> {
    const rigged = this.#nodes.get(node.nodeId)
    if (rigged === undefined || rigged.paused)
      return Promise.reject(new MeridianError('UNAVAILABLE', `node ${node.nodeId} does not answer`))
    return Promise.resolve(shards.flatMap((id) => this.#positionOf(rigged, id) ?? []))
  }

  #positionOf(node: RigNode, shardId: ShardId): ShardPosition | undefined {
    const record = node.held.get(shardId)
    if (record?.token === undefined) return undefined
    const now = token(record.token.generation, record.token.epoch)
    const leads = record.leader === node.id && record.leaderNodeEpoch === node.epoch
    const name = `${shardId} g${now.generation}.e${now.epoch}`
    const sealed = leads && this.#hasQuorums(record)
    const serves = sealed && this.#sealed.has(name)
    if (serves) this.served.add(name)
    if (sealed) {
      this.#sealed.add(name)
      for (const { nodeId } of [...record.replicas, ...record.learners, ...record.prior]) {
        if (!this.stuck.has(nodeId)) this.#fed.set(`${nodeId} ${shardId}`, now)
      }
    }
    const fed = this.#fed.get(`${node.id} ${shardId}`) ?? ZERO_TOKEN
    return {
      shardId,
      promised: record.role === 'standby' && !this.feedStandbys ? ZERO_TOKEN : now,
      lastToken: fed,
      lastIndex: tokensEqual(fed, ZERO_TOKEN) ? 0 : INDEX,
      commitIndex: INDEX,
      installing: this.stuck.has(node.id),
      role: serves ? 'serving' : leads ? 'sealing' : 'follower',
    }
  }

  #hasQuorums({ replicas, prior }: ShardRecord): boolean {
    return [replicas, prior].every((set) => {
      const up = set.filter(({ nodeId }) => this.#nodes.get(nodeId)?.paused === false)
      return set.length === 0 || up.length * 2 > set.length
    })
  }
}
