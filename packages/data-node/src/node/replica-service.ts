import { fromWireToken, ReplicaServiceDefinition, toWireToken } from '@meridian/protocol'
import { implement } from '@meridian/rpc'
import type { Service } from '@meridian/rpc'
import { MeridianError, nodeId } from '@meridian/topology'
import type { ConfirmedIndex } from '../replica/freshness.ts'
import type { ReplicaRequest, ReplicaResponse } from '../replica/replica-message.ts'
import { fromWireStateRequest, toWireStateResponse } from '../wire-state.ts'
import { fromWireAppend, fromWireIndex, toWireEntry } from '../wire.ts'
import { positionHandlers } from './position-handlers.ts'
import type { PositionOptions } from './position-handlers.ts'
import type { ShardHost } from './shard-host.ts'

export interface ReplicaServiceOptions extends PositionOptions {
  /** The shard's log, made on first use: a leader may ask before this node has been told of the shard. */
  readonly replica: (shardId: string) => ShardHost
  /** The confirmed index of a shard led here. Throws the refusal's code when it cannot be told. */
  readonly confirm: (host: ShardHost) => Promise<ConfirmedIndex>
}

/** What this node answers to the other replicas of its shards, and to those who ask where its logs stand. */
export function replicaService(options: ReplicaServiceOptions): Service {
  const { replica } = options
  const ask = async <K extends ReplicaRequest['kind']>(
    shardId: string,
    from: string,
    request: ReplicaRequest & { kind: K },
  ): Promise<ReplicaResponse & { kind: K }> => {
    const response = await replica(shardId).replicaRequest(from === '' ? undefined : nodeId(from), request)
    if (response.kind === 'refused') throw new MeridianError(response.code, 'the replica refused')
    if (response.kind !== request.kind) throw new Error(`${request.kind} answered by ${response.kind}`)
    // Compared just above; the compiler does not narrow a union by another union's field.
    return response as ReplicaResponse & { kind: K }
  }
  return implement(ReplicaServiceDefinition, {
    seal: async (request) => {
      const sealed = await ask(request.shardId, request.from, { kind: 'seal', token: fromWireToken(request.token) })
      return {
        promised: toWireToken(sealed.promised),
        lastIndex: BigInt(sealed.last.index),
        lastToken: toWireToken(sealed.last.token),
        commitIndex: BigInt(sealed.commitIndex),
      }
    },
    append: async (request) => {
      const token = fromWireToken(request.token)
      replica(request.shardId).fedBy(request.from, request.fromAddress, token)
      const appended = await ask(request.shardId, request.from, fromWireAppend(request))
      return {
        promised: toWireToken(appended.promised),
        matched: appended.matched,
        lastIndex: BigInt(appended.last.index),
        lastToken: toWireToken(appended.last.token),
        installing: appended.installing,
      }
    },
    fetchLog: async (request) => {
      const fetched = await ask(request.shardId, '', {
        kind: 'fetch',
        token: fromWireToken(request.token),
        fromIndex: fromWireIndex(request.fromIndex),
        bytesMax: request.limitBytes,
      })
      return {
        entries: fetched.entries.map(toWireEntry),
        previousIndex: BigInt(fetched.previous.index),
        previousToken: toWireToken(fetched.previous.token),
      }
    },
    confirmToken: async (request) => {
      if (request.wantCommitIndex) {
        const { token, index } = await options.confirm(replica(request.shardId))
        return { promised: toWireToken(token), commitIndex: BigInt(index) }
      }
      const confirmed = await ask(request.shardId, '', {
        kind: 'confirm',
        token: fromWireToken(request.token),
        round: 0,
      })
      return { promised: toWireToken(confirmed.promised), commitIndex: undefined }
    },
    fetchState: async (request) =>
      toWireStateResponse(await ask(request.shardId, request.from, fromWireStateRequest(request))),
    ...positionHandlers(options),
  })
}
