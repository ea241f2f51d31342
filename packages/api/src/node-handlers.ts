import type { LeadershipServiceDefinition, NodeServiceDefinition } from '@meridian/protocol'
import type { HandlersOf } from '@meridian/rpc'
import {
  generation,
  MeridianError,
  nodeEpoch,
  nodeId,
  parseShardId,
  rangeId,
  revision,
  zoneId,
} from '@meridian/topology'
import type { Parts } from './parts.ts'

/** Ranges one question may name: a page each, and a node of a region of 1,300 pages may hold them all. */
const RANGES_MAX = 8192

export function nodeHandlers(parts: Parts): HandlersOf<typeof NodeServiceDefinition> {
  return {
    registerNode: async (request, call) => {
      const registration = {
        nodeId: nodeId(request.nodeId),
        zone: zoneId(request.zone),
        address: request.address,
        capacity: request.capacity,
        previousEpoch: nodeEpoch(request.previousEpoch),
        attempt: request.attempt,
      }
      return { nodeEpoch: await parts().nodes.register(registration, call.signal) }
    },

    renewNode: (request, call) =>
      parts().control.renew(
        nodeId(request.nodeId),
        nodeEpoch(request.nodeEpoch),
        revision(request.appliedRevision),
        call.signal,
      ),

    confirmRanges: (request) => {
      if (request.ranges.length > RANGES_MAX)
        throw new MeridianError('REQUEST_TOO_LARGE', `at most ${RANGES_MAX} ranges in one question`)
      const asked = request.ranges.map((pair) => ({
        rangeId: rangeId(pair.rangeId),
        generation: generation(pair.generation),
      }))
      const { remainingMs, confirmed } = parts().agent.confirm(asked)
      return Promise.resolve({
        remainingMs: Math.floor(remainingMs),
        confirmed: confirmed.map((pair) => ({ ...pair, remainingMs: Math.floor(pair.remainingMs) })),
      })
    },

    watchAssignments: async function* (request, call) {
      for await (const event of parts().nodes.assignments(nodeId(request.nodeId), call.signal)) {
        yield {
          complete: event.complete,
          shards: [...event.shards],
          removed: [...event.removed],
          revision: event.revision,
        }
      }
    },
  }
}

export function leadershipHandlers(parts: Parts): HandlersOf<typeof LeadershipServiceDefinition> {
  return {
    handOverShard: async (request, call) => {
      const target = request.target === '' ? undefined : nodeId(request.target)
      return { shard: await parts().control.handOver(parseShardId(request.shardId), target, call.signal) }
    },
  }
}
