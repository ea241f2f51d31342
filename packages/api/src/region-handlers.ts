import { nodeStatuses } from '@meridian/region'
import { toWireRange } from '@meridian/protocol'
import type { RegionServiceDefinition } from '@meridian/protocol'
import type { HandlersOf } from '@meridian/rpc'
import {
  BUDGET_MS_MAX,
  FAILOVER_POLICIES,
  keyOfBytes,
  keyspaceName,
  MeridianError,
  operationId,
  rangeIsOpen,
} from '@meridian/topology'
import type { FailoverPolicy, RegionId } from '@meridian/topology'
import { toWireOperation } from './operation-entry.ts'
import { toWirePlanned, transferWorld } from './operation-handlers.ts'
import type { OperationParts } from './operation-parts.ts'
import { regionHealth } from './region-health.ts'
import type { OwnRegion } from './region-health.ts'
import { checkedReason, knownRegion } from './request-checks.ts'
import { takeOutlookOf } from './transfer-plan.ts'

export function regionHandlers(parts: () => OperationParts): HandlersOf<typeof RegionServiceDefinition> {
  return {
    drainRegion: async (request, call) => {
      const server = parts()
      await server.regions.drain(knownRegion(server, request.region), operationId(request.operation), call.signal)
      return {}
    },

    undrainRegion: async (request, call) => {
      const server = parts()
      await server.regions.undrain(knownRegion(server, request.region), call.signal)
      return {}
    },

    failOverRegion: async (request, call) => {
      const server = parts()
      const region = knownRegion(server, request.region)
      const reason = checkedReason(request.reason)
      const { dryRun, poweredOff } = request
      await server.ownership.catchUp(call.signal)
      const ranges = server.globalView.ranges.list().filter(({ owner }) => owner === region)
      const world = transferWorld(server)
      const takes = ranges.map((range) => toWirePlanned(takeOutlookOf(range, world)))
      if (dryRun) return { operation: undefined, takes }
      const entry = await server.regions.failOver(region, { reason, poweredOff }, call.signal)
      return { operation: toWireOperation(entry), takes }
    },

    listRegions: () => {
      const server = parts()
      const { globalView } = server
      const sights = new Map(server.regions.sights().map((sight) => [sight.region, sight]))
      const ranges = globalView.ranges.list()
      const regions = [...globalView.regions.values()].toSorted((a, b) => (a.region < b.region ? -1 : 1))
      return Promise.resolve({
        regions: regions.map(({ region, displayName }) =>
          regionHealth({
            region,
            displayName,
            sight: sights.get(region),
            drained: globalView.drained.has(region),
            ranges,
            lagOf: (range) => server.copies.load(range)?.lagEntries.get(region),
            leaseMs: server.regionLeaseMs,
            mapAgeMs: region === server.region ? undefined : server.copies.mapAgeMs(region),
            own: region === server.region ? ownRegion(server, region) : undefined,
          }),
        ),
      })
    },

    setRangePolicy: async (request, call) => {
      const server = parts()
      const operation = operationId(request.operation)
      const keyspace = keyspaceName(request.keyspace)
      const failover = policyOf(request.failover)
      if (request.budgetMs > BigInt(BUDGET_MS_MAX)) {
        throw new MeridianError('INVALID_ARGUMENT', `a budget is at most ${BUDGET_MS_MAX} ms, a day`)
      }
      const budgetMs = Number(request.budgetMs)
      const { start } = await server.ownership.lookup(keyspace, keyOfBytes(request.key), call.signal)
      const command = { kind: 'set-policy', keyspace, start, failover, budgetMs } as const
      const { ranges } = await server.ownership.mutate(operation, command, call.signal)
      // Nothing is written where it is so already.
      return { range: toWireRange(ranges[0] ?? server.ownership.lookupLocal(keyspace, start)) }
    },
  }
}

function policyOf(text: string): FailoverPolicy {
  const policy = FAILOVER_POLICIES.find((each) => each === text)
  if (policy !== undefined) return policy
  throw new MeridianError('INVALID_ARGUMENT', `a failover policy is one of ${FAILOVER_POLICIES.join(', ')}`)
}

function ownRegion(
  { globalView, regionView, agent, control, nodeOperations }: OperationParts,
  region: RegionId,
): OwnRegion {
  const open = globalView.ranges.list().filter((range) => range.owner === region && rangeIsOpen(range))
  const confirmed = new Map(agent.confirm(open).confirmed.map(({ rangeId, remainingMs }) => [rangeId, remainingMs]))
  const nodes = nodeStatuses(regionView)
  const nodesDown = nodes.filter(({ status }) => status === 'down').length
  const nodesGone = nodes.filter(({ status }) => status === 'decommissioned').length
  const shards = [...regionView.pages.values()].flatMap(({ page }) => (page.role === 'owner' ? page.shards : []))
  return {
    globalAgeMs: globalView.mirror.ageMs(),
    regionalAgeMs: regionView.ageMs(),
    leaseMs: agent.remainingMs(),
    rangesMs: open.map(({ rangeId }) => confirmed.get(rangeId) ?? 0),
    hasController: (control.controller() ?? '') !== '',
    nodesUp: nodes.length - nodesDown - nodesGone,
    nodesDown,
    shardsLeaderless: shards.filter(({ status }) => status === 'leaderless').length,
    controller: nodeOperations.health(),
  }
}
