import { fromWireToken, ReplicaServiceDefinition, toWireToken } from '@meridian/protocol'
import { implement } from '@meridian/rpc'
import type { Service } from '@meridian/rpc'
import { MeridianError } from '@meridian/topology'
import type { ReplicaRequest, ReplicaResponse } from '../replica/replica-message.ts'
import { fromWireAppend, fromWireIndex, toWireEntry } from '../wire.ts'
import type { ShardHost } from './shard-host.ts'

/**
 * What this node answers to the other replicas of its shards.
 *
 * @param replica the shard's log, made on first use: a leader may ask before this node has been told of the shard
 */
export function replicaService(replica: (shardId: string) => ShardHost): Service {
  const ask = async <K extends ReplicaRequest['kind']>(
    shardId: string,
    from: string,
    request: ReplicaRequest & { kind: K },
  ): Promise<ReplicaResponse & { kind: K }> => {
    const response = await replica(shardId).replicaRequest(from, request)
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
      const appended = await ask(request.shardId, request.from, fromWireAppend(request))
      return {
        promised: toWireToken(appended.promised),
        matched: appended.matched,
        lastIndex: BigInt(appended.lastIndex),
      }
    },
    fetchLog: async (request) => {
      const fetched = await ask(request.shardId, '', {
        kind: 'fetch',
        token: fromWireToken(request.token),
        fromIndex: fromWireIndex(request.fromIndex),
        bytesMax: request.limitBytes,
      })
      return { entries: fetched.entries.map(toWireEntry), previousToken: toWireToken(fetched.previousToken) }
    },
    confirmToken: async (request) => {
      const confirmed = await ask(request.shardId, '', {
        kind: 'confirm',
        token: fromWireToken(request.token),
        round: 0,
      })
      return { promised: toWireToken(confirmed.promised) }
    },
  })
}
