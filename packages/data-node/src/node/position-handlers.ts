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
import { entryBytes } from '../replica/log-entry.ts'
import type { NodeStorage, QuarantinePlace } from '../storage/node-storage.ts'
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
      const known = hosts()
      const shard = parseShardId(request.shardId)
      const { afterIndex, afterToken } = request
      const after =
        afterToken === undefined ? undefined : { index: fromWireIndex(afterIndex), token: fromWireToken(afterToken) }
      const { quarantineRowsMax } = NODE_LIMITS
      const limit = request.limit === 0 ? quarantineRowsMax : Math.min(request.limit, quarantineRowsMax)
      return Promise.resolve(pageOf(storage, shard, known.get(shard), after, limit))
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

/** Up to `limit` entries, or as many as fit one answer. What is in the log again is passed over. */
function pageOf(
  storage: NodeStorage,
  shard: ShardId,
  host: ShardHost | undefined,
  after: QuarantinePlace | undefined,
  limit: number,
): ListQuarantineResponse {
  const entries: ListQuarantineResponse['entries'] = []
  let bytes = 0
  for (let at = after; ;) {
    const rows = storage.quarantine(shard, at, limit + 1)
    for (const { entry, committed, supersededBy, remains } of rows) {
      at = entry
      // Superseded by a leader that came to nothing itself.
      if (host?.holds(entry) === true) continue
      bytes += entryBytes(entry)
      if (entries.length === limit || (entries.length > 0 && bytes > NODE_LIMITS.readBytesMax))
        return { entries, more: true }
      entries.push({ entry: toWireEntry(entry), committed, supersededBy, remains })
    }
    if (rows.length <= limit) return { entries, more: false }
  }
}
