import { hasEnded, suspicionOf } from '@meridian/global'
import type { JournalEntry } from '@meridian/global'
import { toWireRange } from '@meridian/protocol'
import type { OperationServiceDefinition, PlannedTransfer, PlanTransfersRequest } from '@meridian/protocol'
import type { HandlersOf } from '@meridian/rpc'
import { generation, keyOfBytes, keyspaceName, MeridianError, operationId } from '@meridian/topology'
import type { OperationId, RangeDescriptor, RegionId } from '@meridian/topology'
import { byRelevance, toWireOperation } from './operation-entry.ts'
import type { OperationParts } from './operation-parts.ts'
import { checkedReason, knownRegion } from './request-checks.ts'
import { lostBy, outlookOf } from './transfer-plan.ts'
import type { TransferOutlook, TransferWorld } from './transfer-plan.ts'

/** Operations told at once: those in flight and the newest of the rest. */
const OPERATIONS_MAX = 2000

export function operationHandlers(parts: () => OperationParts): HandlersOf<typeof OperationServiceDefinition> {
  return {
    transferRange: async (request, call) => {
      const server = parts()
      const operation = operationId(request.operation)
      const keyspace = keyspaceName(request.keyspace)
      const key = keyOfBytes(request.key)
      const target = knownRegion(server, request.target)
      const reason = checkedReason(request.reason)
      const expected = request.expectedGeneration === 0n ? undefined : generation(request.expectedGeneration)
      const order = { operation, keyspace, key, target, reason }
      const entry = await server.transfers.begin(
        expected === undefined ? order : { ...order, expectedGeneration: expected },
        call.signal,
      )
      // A repeated order is met by what became of the first, which is for the caller only if it was the same.
      if (entry.target === target && entry.keyspace === keyspace) return { operation: toWireOperation(entry) }
      throw new MeridianError('OPERATION_REUSED', `operation id ${operation} was used before for another transfer`)
    },

    planTransfers: async (request, call) => {
      const server = parts()
      const { ranges, target, drainEnds } = await chosen(server, request, call.signal)
      const world = transferWorld(server)
      return {
        transfers: ranges.map((range) => toWirePlanned(outlookOf(range, target, world, drainEnds))),
      }
    },

    listOperations: ({ all }) => {
      const entries = [...parts().globalView.journal.values()].filter((entry) => all || !hasEnded(entry))
      const told = entries.toSorted(byRelevance).slice(0, OPERATIONS_MAX)
      return Promise.resolve({ operations: told.map(toWireOperation) })
    },

    getOperation: async (request, call) => ({
      operation: toWireOperation(await remembered(parts(), operationId(request.operation), call.signal)),
    }),

    abortOperation: async (request, call) => {
      const server = parts()
      const reason = checkedReason(request.reason)
      const entry = await remembered(server, operationId(request.operation), call.signal)
      if (entry.kind !== 'transfer') {
        throw new MeridianError('INVALID_ARGUMENT', 'a takeover cannot be aborted: the authority it took is gone')
      }
      return { operation: toWireOperation(await server.transfers.abort(entry.operation, reason, call.signal)) }
    },
  }
}

/** This server's view may be behind whoever began the operation, so nothing is called unknown before it has caught up. */
async function remembered(
  { globalView, ownership }: Pick<OperationParts, 'globalView' | 'ownership'>,
  operation: OperationId,
  signal: AbortSignal,
): Promise<JournalEntry> {
  const entry = globalView.journal.get(operation)
  if (entry !== undefined) return entry
  await ownership.catchUp(signal)
  const late = globalView.journal.get(operation)
  if (late !== undefined) return late
  throw new MeridianError('OPERATION_UNKNOWN', `no operation ${operation} is in flight or still remembered`)
}

interface Chosen {
  readonly ranges: readonly RangeDescriptor[]
  readonly target: RegionId | undefined
  readonly drainEnds?: RegionId
}

async function chosen(server: OperationParts, request: PlanTransfersRequest, signal: AbortSignal): Promise<Chosen> {
  const asked = [request.keyspace, request.evacuate, request.returnTo].filter((text) => text !== '')
  if (asked.length !== 1) {
    throw new MeridianError('INVALID_ARGUMENT', 'name a keyspace with a key, or evacuate, or return_to: one of them')
  }
  const target = request.target === '' ? undefined : knownRegion(server, request.target)
  if (request.keyspace !== '') {
    const range = await server.ownership.lookup(keyspaceName(request.keyspace), keyOfBytes(request.key), signal)
    return { ranges: [range], target }
  }
  await server.ownership.catchUp(signal)
  const all = server.globalView.ranges.list()
  if (request.evacuate !== '') {
    const region = knownRegion(server, request.evacuate)
    if (region === target) throw new MeridianError('INVALID_ARGUMENT', `${region} cannot be emptied into itself`)
    return { ranges: all.filter(({ owner }) => owner === region), target }
  }
  const region = knownRegion(server, request.returnTo)
  if (target !== undefined && target !== region) {
    throw new MeridianError('INVALID_ARGUMENT', `what returns to ${region} does not go to ${target}`)
  }
  return { ranges: lostBy(region, all, server.globalView.journal), target: region, drainEnds: region }
}

/** What is known here of how ranges would move. */
export function transferWorld({
  regions,
  copies,
  globalView,
  tax,
}: Pick<OperationParts, 'regions' | 'copies' | 'globalView' | 'tax'>): TransferWorld {
  return {
    sights: new Map(regions.sights().map((sight) => [sight.region, sight])),
    drained: globalView.drained,
    suspicion: (region) => suspicionOf(globalView.journal.values(), region, Number(tax.wallUs() / 1000n)),
    standbyFacts: (range, region) => copies.standbyFacts(range, region),
    shardsOf: (range) => copies.ownerPage(range)?.shards.length ?? 0,
    load: (range) => copies.load(range),
    commitFloorMs: copies.commitFloorMs(),
  }
}

export function toWirePlanned({ range, target, obstacles, ...outlook }: TransferOutlook): PlannedTransfer {
  return { range: toWireRange(range), target: target ?? '', obstacles: [...obstacles], ...outlook }
}
