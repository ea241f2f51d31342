import type { DrainNodeResponse, NodeOperationServiceDefinition } from '@meridian/protocol'
import type { HandlersOf } from '@meridian/rpc'
import { isMeridianError, MeridianError, nodeId, operationId, parseShardId } from '@meridian/topology'
import type { NodeDuty, NodeId } from '@meridian/topology'
import type { OperationParts } from './operation-parts.ts'

/** Moves told at once. */
const MOVES_MAX = 2000

export function nodeOperationHandlers(parts: () => OperationParts): HandlersOf<typeof NodeOperationServiceDefinition> {
  return {
    drainNode: async (request, call) => {
      const server = parts()
      const node = knownNode(server, request.nodeId)
      const { decommission, force } = request
      if (force && !decommission) throw new MeridianError('INVALID_ARGUMENT', 'only a decommission can be forced')
      if (!decommission) return drained(server, node, 'draining', false, call.signal)
      if (force) return drained(server, node, 'decommissioned', true, call.signal)
      const left = await leaving(server, node, call.signal)
      if (left.shardsHeld > 0 || left.shardsLed > 0 || left.duty === 'decommissioned') return left
      return drained(server, node, 'decommissioned', false, call.signal)
    },

    undrainNode: async (request, call) => {
      const server = parts()
      await server.nodeOperations.setDuty(knownNode(server, request.nodeId), 'serving', false, call.signal)
      return {}
    },

    moveReplica: async (request, call) => {
      const server = parts()
      const operation = operationId(request.operation)
      const shard = parseShardId(request.shardId)
      const from = nodeId(request.from)
      const to = request.to === '' ? undefined : knownNode(server, request.to)
      if (from === to) throw new MeridianError('INVALID_ARGUMENT', `a replica cannot move from ${from} to itself`)
      return { move: await server.nodeOperations.move(operation, { shard, from, to }, call.signal) }
    },

    listMoves: async (_, call) => ({
      moves: (await parts().nodeOperations.moves(call.signal)).slice(0, MOVES_MAX),
    }),

    abortMove: async (request, call) => ({
      move: await parts().nodeOperations.abortMove(operationId(request.operation), call.signal),
    }),
  }
}

/** What is over stays over: the controller strikes off whoever holds nothing more, at any moment between two questions. */
async function leaving(server: OperationParts, node: NodeId, signal: AbortSignal): Promise<DrainNodeResponse> {
  try {
    return await drained(server, node, 'leaving', false, signal)
  } catch (error) {
    if (isMeridianError(error, 'NODE_DECOMMISSIONED')) return OVER
    throw error
  }
}

const OVER: DrainNodeResponse = { shardsLed: 0, shardsHeld: 0, duty: 'decommissioned' }

async function drained(
  { nodeOperations }: OperationParts,
  node: NodeId,
  duty: NodeDuty,
  forced: boolean,
  signal: AbortSignal,
): Promise<DrainNodeResponse> {
  const { led, held } = await nodeOperations.setDuty(node, duty, forced, signal)
  return { shardsLed: led, shardsHeld: held, duty }
}

/** As this server has applied its tier: a node that has just joined may have to be asked for again. */
function knownNode({ regionView, region }: OperationParts, text: string): NodeId {
  const id = nodeId(text)
  if (regionView.nodes.has(id)) return id
  const known = [...regionView.nodes.keys()].toSorted().join(', ')
  throw new MeridianError('NODE_UNKNOWN', `${region} has no node ${id}; it has: ${known || 'none'}`)
}
