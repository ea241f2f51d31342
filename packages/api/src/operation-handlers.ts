import { hasEnded, planTransfer, previousOwner } from '@meridian/global'
import type { JournalEntry, PlannedTransfer, PlanWorld, RegionSight } from '@meridian/global'
import { toWireRange } from '@meridian/protocol'
import type {
  OperationServiceDefinition,
  PlannedTransfer as WirePlanned,
  PlanTransfersRequest,
} from '@meridian/protocol'
import type { HandlersOf } from '@meridian/rpc'
import { generation, keyOfBytes, keyspaceName, MeridianError, operationId } from '@meridian/topology'
import type { OperationId, RangeDescriptor, RegionId } from '@meridian/topology'
import { byRelevance, toWireOperation } from './operation-entry.ts'
import type { OperationParts } from './operation-parts.ts'
import { checkedReason, knownRegion } from './request-checks.ts'

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
      const transfers = await planned(parts(), request, call.signal)
      return { transfers: transfers.map(toWirePlanned) }
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
export async function remembered(
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

async function planned(
  server: OperationParts,
  request: PlanTransfersRequest,
  signal: AbortSignal,
): Promise<readonly PlannedTransfer[]> {
  const asked = [request.keyspace, request.evacuate, request.returnTo].filter((text) => text !== '')
  if (asked.length !== 1) {
    throw new MeridianError('INVALID_ARGUMENT', 'name a keyspace with a key, or evacuate, or return_to: one of them')
  }
  const target = request.target === '' ? undefined : knownRegion(server, request.target)
  if (request.keyspace !== '') {
    const range = await server.ownership.lookup(keyspaceName(request.keyspace), keyOfBytes(request.key), signal)
    return [outlookOf(range, target, planWorldOf(server))]
  }
  await server.ownership.catchUp(signal)
  const world = planWorldOf(server)
  if (request.evacuate !== '') {
    const region = knownRegion(server, request.evacuate)
    if (region === target) throw new MeridianError('INVALID_ARGUMENT', `${region} cannot be emptied into itself`)
    return world.ranges.filter(({ owner }) => owner === region).map((range) => outlookOf(range, target, world))
  }
  const region = knownRegion(server, request.returnTo)
  if (target !== undefined && target !== region) {
    throw new MeridianError('INVALID_ARGUMENT', `what returns to ${region} does not go to ${target}`)
  }
  // Its drain ends before anything comes back.
  const undrained = { ...world, drained: new Set([...world.drained].filter((each) => each !== region)) }
  return world.ranges
    .filter((range) => range.owner !== region && previousOwner(range, world.journal) === region)
    .map((range) => outlookOf(range, region, undrained))
}

/** What is known here of how ranges would move. */
export function planWorldOf(server: OperationParts): PlanWorld {
  const { authority, copies, globalView, tax } = server
  const sights = new Map(authority.regions().map((sight) => [sight.region, sight]))
  return {
    ranges: globalView.ranges.list(),
    drained: globalView.drained,
    journal: globalView.journal,
    nowWallMs: Number(tax.wallUs() / 1000n),
    illness: (region) => illnessOf(sights.get(region)),
    standbyFacts: (range, region) => copies.standbyFacts(range, region),
    shards: (range) => copies.ownerPage(range)?.shards.length ?? 0,
    lagEntries: (range, region) => copies.load(range)?.lagEntries.get(region),
    writesPerS: (range) => copies.load(range)?.writesPerS ?? 0,
    commitFloorMs: copies.commitFloorMs() ?? 0,
  }
}

function illnessOf(sight: RegionSight | undefined): string | undefined {
  if (sight === undefined) return 'has no lease'
  const { record, verdict, stillMs } = sight
  if (record.status !== 'live') return `is ${record.status}`
  if (verdict === 'renewing') return undefined
  return `is ${verdict}: it has not renewed its lease for ${(stillMs / 1000).toFixed(1)} s`
}

/** A vacant range has no data to copy: it is assigned, in one commit, if nothing else is against that. */
function outlookOf(range: RangeDescriptor, target: RegionId | undefined, world: PlanWorld): PlannedTransfer {
  if (range.status !== 'vacant') return planTransfer(range, target, world)
  const outlook = planTransfer({ ...range, status: 'active' }, target, { ...world, illness: elsewhere(range, world) })
  return { ...outlook, range, commitMs: world.commitFloorMs }
}

/** Nothing is asked of the owner of a range without data. */
function elsewhere({ owner }: RangeDescriptor, { illness }: PlanWorld): PlanWorld['illness'] {
  return (region) => (region === owner ? undefined : illness(region))
}

export function toWirePlanned({ range, target, obstacles, lagEntries, ...outlook }: PlannedTransfer): WirePlanned {
  const texts = (blocks: boolean): string[] =>
    obstacles.filter((obstacle) => obstacle.blocks === blocks).map(({ text }) => text)
  return {
    range: toWireRange(range),
    target: target ?? '',
    obstacles: texts(true),
    remarks: texts(false),
    lagEntries: lagEntries ?? 0n,
    ...outlook,
  }
}
