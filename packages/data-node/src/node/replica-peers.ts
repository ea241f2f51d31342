import { fromWireToken, ReplicaServiceDefinition, toWireToken } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import { MeridianError } from '@meridian/topology'
import type { ShardId } from '@meridian/topology'
import type { ReplicaAddress } from '../fence/shard-record.ts'
import type { ConfirmedIndex } from '../replica/freshness.ts'
import type { ReplicaRequest, ReplicaResponse } from '../replica/replica-message.ts'
import { fromWireStateResponse, toWireStateRequest } from '../wire-state.ts'
import { fromWireEntries, fromWireIndex, toWireAppend } from '../wire.ts'
import { NODE_LIMITS } from './node-config.ts'

/** How replicas of other nodes are asked. */
export class ReplicaPeers {
  readonly #pool: ChannelPool
  readonly #self: () => ReplicaAddress

  /** @param self where this node is dialled; known once it listens */
  constructor(pool: ChannelPool, self: () => ReplicaAddress) {
    this.#pool = pool
    this.#self = self
  }

  /** @throws MeridianError when nothing usable came back; whether the request had an effect is then not known */
  async ask(address: string, shard: ShardId, request: ReplicaRequest): Promise<ReplicaResponse> {
    // A record may name a node whose own record has not been seen yet.
    if (address === '') throw new MeridianError('UNAVAILABLE', 'the replica has no known address')
    const client = clientOf(ReplicaServiceDefinition, this.#pool.channel(address))
    const token = toWireToken(request.token)
    switch (request.kind) {
      case 'seal': {
        const sealed = await client.seal(
          { shardId: shard, token, from: this.#self().nodeId },
          { timeoutMs: NODE_LIMITS.replicaCallMs },
        )
        return {
          kind: 'seal',
          promised: fromWireToken(sealed.promised),
          last: { index: fromWireIndex(sealed.lastIndex), token: fromWireToken(sealed.lastToken) },
          commitIndex: fromWireIndex(sealed.commitIndex),
        }
      }
      case 'append': {
        const appended = await client.append(toWireAppend(shard, this.#self(), request), {
          timeoutMs: NODE_LIMITS.appendMs,
        })
        const { matched, installing } = appended
        return {
          kind: 'append',
          promised: fromWireToken(appended.promised),
          matched,
          last: { index: fromWireIndex(appended.lastIndex), token: fromWireToken(appended.lastToken) },
          installing,
        }
      }
      case 'fetch': {
        const fetched = await client.fetchLog(
          { shardId: shard, token, fromIndex: BigInt(request.fromIndex), limitBytes: request.bytesMax },
          { timeoutMs: NODE_LIMITS.appendMs },
        )
        const previous = { index: fromWireIndex(fetched.previousIndex), token: fromWireToken(fetched.previousToken) }
        return { kind: 'fetch', entries: fromWireEntries(fetched.entries, previous, request.token), previous }
      }
      case 'confirm': {
        const confirmed = await client.confirmToken(
          { shardId: shard, token, wantCommitIndex: false },
          { timeoutMs: NODE_LIMITS.replicaCallMs },
        )
        return { kind: 'confirm', promised: fromWireToken(confirmed.promised) }
      }
      case 'state': {
        const piece = await client.fetchState(toWireStateRequest(shard, this.#self().nodeId, request), {
          timeoutMs: NODE_LIMITS.stateMs,
        })
        return fromWireStateResponse(piece, request)
      }
    }
  }

  /** What the leader has committed, confirmed by a quorum after it was asked. @throws MeridianError */
  async confirmedIndex(address: string, shard: ShardId): Promise<ConfirmedIndex> {
    if (address === '') throw new MeridianError('UNAVAILABLE', 'the leader has no known address')
    const client = clientOf(ReplicaServiceDefinition, this.#pool.channel(address))
    const answer = await client.confirmToken(
      { shardId: shard, token: undefined, wantCommitIndex: true },
      { timeoutMs: NODE_LIMITS.staleReadMs },
    )
    if (answer.commitIndex === undefined) throw new MeridianError('INTERNAL', `${address}: an answer without an index`)
    return { token: fromWireToken(answer.promised), index: fromWireIndex(answer.commitIndex) }
  }
}
