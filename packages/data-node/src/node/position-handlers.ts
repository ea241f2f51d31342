import { fromWireToken, toWireToken } from '@meridian/protocol'
import type {
  Barrier,
  DropQuarantineRequest,
  DropQuarantineResponse,
  GetBarriersRequest,
  GetBarriersResponse,
  GetPositionsRequest,
  GetPositionsResponse,
  ListQuarantineRequest,
  ListQuarantineResponse,
} from '@meridian/protocol'
import { MeridianError, operationId, parseShardId } from '@meridian/topology'
import type { ShardId } from '@meridian/topology'
import type { NodeStorage } from '../storage/node-storage.ts'
import { fromWireIndex, toWireEntry } from '../wire.ts'
import { NODE_LIMITS } from './node-config.ts'
import type { ShardHost } from './shard-host.ts'

export interface PositionOptions {
  /** Throws UNAVAILABLE while the node may not answer at all. */
  readonly hosts: () => ReadonlyMap<ShardId, ShardHost>
  readonly storage: NodeStorage
}

/** Where the logs of this node stand, and what they lost to a higher generation. */
export function positionHandlers({ hosts, storage }: PositionOptions) {
  const asked = (shardIds: readonly string[]): ShardHost[] => {
    const known = hosts()
    if (shardIds.length > NODE_LIMITS.shardsPerQuestionMax) {
      throw new MeridianError(
        'REQUEST_TOO_LARGE',
        `a question names at most ${NODE_LIMITS.shardsPerQuestionMax} shards`,
      )
    }
    if (shardIds.length === 0) return [...known.values()]
    return shardIds.flatMap((id) => known.get(parseShardId(id)) ?? [])
  }
  return {
    getPositions: async (request: GetPositionsRequest): Promise<GetPositionsResponse> => {
      const positions = asked(request.shardIds).map((host) => {
        const { promised, last, commitIndex, installing, quarantined, role } = host.position
        return {
          shardId: host.shardId,
          promised: toWireToken(promised),
          lastIndex: BigInt(last.index),
          lastToken: toWireToken(last.token),
          commitIndex: BigInt(commitIndex),
          installing,
          quarantinedEntries: BigInt(quarantined),
          role,
        }
      })
      // What is said to be held must be on the disk.
      await storage.settled()
      return { positions }
    },
    getBarriers: (request: GetBarriersRequest): Promise<GetBarriersResponse> => {
      const operation = operationId(request.operation)
      const barriers = asked(request.shardIds).flatMap((host): Barrier[] => {
        const barrier = host.barrier(operation)
        if (barrier === undefined) return []
        return [{ shardId: host.shardId, token: toWireToken(barrier.token), index: BigInt(barrier.index) }]
      })
      return Promise.resolve({ barriers })
    },
    listQuarantine: (request: ListQuarantineRequest): Promise<ListQuarantineResponse> => {
      hosts()
      const { afterIndex, afterToken } = request
      const after =
        afterToken === undefined ? undefined : { index: fromWireIndex(afterIndex), token: fromWireToken(afterToken) }
      const limit = Math.min(
        request.limit === 0 ? NODE_LIMITS.quarantineRowsMax : request.limit,
        NODE_LIMITS.quarantineRowsMax,
      )
      const rows = storage.quarantine(parseShardId(request.shardId), after, limit + 1)
      let bytes = 0
      const entries = rows.slice(0, limit).flatMap((lost, at) => {
        const entry = toWireEntry(lost.entry)
        for (const item of entry.items) bytes += item.key.length + (item.value?.length ?? 0)
        if (at > 0 && bytes > NODE_LIMITS.readBytesMax) return []
        const { committed, supersededBy, remains } = lost
        return [{ entry, committed, supersededBy, remains }]
      })
      return Promise.resolve({ entries, more: rows.length > entries.length })
    },
    dropQuarantine: async (request: DropQuarantineRequest): Promise<DropQuarantineResponse> => {
      const shard = parseShardId(request.shardId)
      const host = hosts().get(shard)
      const entries = storage.quarantined(shard)
      await storage.dropQuarantine(shard)
      host?.countQuarantine()
      return { entries: BigInt(entries) }
    },
  }
}
