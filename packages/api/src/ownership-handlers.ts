import { toWireRange } from '@meridian/protocol'
import type { ExpectedGeneration as WireExpected, OwnershipServiceDefinition, WireRange } from '@meridian/protocol'
import type { Call, HandlersOf } from '@meridian/rpc'
import {
  generation,
  keyOfBytes,
  keyspaceName,
  MeridianError,
  operationId,
  OWNERSHIP_BATCH_MAX,
} from '@meridian/topology'
import type {
  ExpectedGeneration,
  Key,
  KeyspaceName,
  OwnershipCommand,
  RangeDescriptor,
  Revision,
} from '@meridian/topology'
import type { Parts, ServerParts } from './parts.ts'
import { bounded, knownRegion } from './request-checks.ts'
import { checkMergedShards, checkShardBounds } from './shard-bounds.ts'

/** Keys of one request to look at, at most; more is refused before anything is decoded. */
const SHARD_BOUNDS_MAX = 4096
/** Replicas of a shard, as the controller opens them. */
const REPLICAS = 3

export function ownershipHandlers(parts: Parts): HandlersOf<typeof OwnershipServiceDefinition> {
  const mutate = async (call: Call, operation: string, command: OwnershipCommand) => {
    const { ranges, revision } = await parts().ownership.mutate(operationId(operation), command, call.signal)
    return { ranges: ranges.map(toWireRange), revision }
  }
  return {
    createKeyspace: async (request, call) => {
      const owner = knownRegion(parts(), request.owner)
      const standbys = request.standbys.map((standby) => knownRegion(parts(), standby))
      return mutate(call, request.operation, {
        kind: 'create-keyspace',
        keyspace: keyspaceName(request.keyspace),
        owner,
        standbys,
      })
    },

    splitRange: async (request, call) => {
      const keyspace = keyspaceName(request.keyspace)
      const at = bounded('split points', request.at, OWNERSHIP_BATCH_MAX).map(keyOfBytes)
      checkShardBounds(parts(), keyspace, at)
      return mutate(call, request.operation, { kind: 'split', keyspace, at, ...expectedOf(request.expected) })
    },

    mergeRanges: async (request, call) => {
      const keyspace = keyspaceName(request.keyspace)
      const at = keyOfBytes(request.at)
      checkMergedShards(parts(), keyspace, at)
      return mutate(call, request.operation, {
        kind: 'merge',
        keyspace,
        at,
        ...expectedOf(request.expected),
      })
    },

    assignRanges: async (request, call) => {
      const assignments = bounded('assignments', request.assignments, OWNERSHIP_BATCH_MAX).map(
        ({ start, owner, standbys }) => ({
          start: keyOfBytes(start),
          owner: knownRegion(parts(), owner),
          standbys: standbys.map((standby) => knownRegion(parts(), standby)),
        }),
      )
      const keyspace = keyspaceName(request.keyspace)
      return mutate(call, request.operation, { kind: 'assign', keyspace, assignments, ...expectedOf(request.expected) })
    },

    openRanges: async (request, call) => {
      const server = parts()
      const keyspace = keyspaceName(request.keyspace)
      const openings = bounded('openings', request.openings, OWNERSHIP_BATCH_MAX).map(({ start, shardBounds }) => ({
        start: keyOfBytes(start),
        bounds: bounded('shard bounds', shardBounds, SHARD_BOUNDS_MAX).map(keyOfBytes),
      }))
      await server.ownership.catchUp(call.signal)
      for (const { start } of openings) ownRange(server, keyspace, start)
      checkNodes(server)
      // Active first: a page made before could be of a range that is then assigned to another region, which would give
      // the same shard ids out again. A crash between the two leaves an active range without a page; the same call
      // sent again finishes it, and after a grace the controller opens it as one shard.
      const starts = openings.map(({ start }) => start)
      const outcome = await mutate(call, request.operation, { kind: 'activate', keyspace, starts })
      await server.globalView.mirror.waitFor(outcome.revision as Revision, call.signal)
      for (const { start, bounds } of openings) {
        await server.control.openRange(ownRange(server, keyspace, start), bounds, call.signal)
      }
      return outcome
    },

    lookupRange: async (request, call) => {
      const keyspace = keyspaceName(request.keyspace)
      const key = keyOfBytes(request.key)
      const { ownership } = parts()
      const range = request.local
        ? ownership.lookupLocal(keyspace, key)
        : await ownership.lookup(keyspace, key, call.signal)
      return { range: toWireRange(range) }
    },

    listRanges: async (request, call) => {
      const { ownership, globalView } = parts()
      if (!request.local) await ownership.catchUp(call.signal)
      const ranges: WireRange[] = globalView.ranges
        .list(request.keyspace === '' ? undefined : keyspaceName(request.keyspace))
        .map(toWireRange)
      return { ranges, revision: globalView.revision }
    },
  }
}

function ownRange(server: ServerParts, keyspace: KeyspaceName, start: Key): RangeDescriptor {
  const range = server.ownership.lookupLocal(keyspace, start)
  if (range.start !== start) throw new MeridianError('RANGE_UNKNOWN', 'no range starts at the key given')
  if (range.owner !== server.region) {
    throw new MeridianError(
      'NOT_OWNER_REGION',
      `range ${range.rangeId} belongs to ${range.owner}, not to ${server.region}`,
      {
        details: { owner: range.owner },
      },
    )
  }
  return range
}

/** A range that was activated before it can have replicas would be of no use to anybody, and could not go back. */
function checkNodes(server: ServerParts): void {
  const up = server.regionView.nodeRecords().filter((node) => node.status === 'up').length
  if (up >= REPLICAS) return
  throw new MeridianError(
    'NOT_ENOUGH_NODES',
    `${REPLICAS} replicas need ${REPLICAS} nodes that are up; ${server.region} has ${up}`,
    {
      details: { needed: String(REPLICAS), up: String(up) },
    },
  )
}

function expectedOf(wire: readonly WireExpected[]): { expected?: readonly ExpectedGeneration[] } {
  if (wire.length === 0) return {}
  return {
    expected: bounded('expected generations', wire, OWNERSHIP_BATCH_MAX * 2).map((each) => ({
      start: keyOfBytes(each.start),
      generation: generation(each.generation),
    })),
  }
}
