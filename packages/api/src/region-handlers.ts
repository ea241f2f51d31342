import { takeoverOperation } from '@meridian/global'
import type { FailOverPlan } from '@meridian/global'
import { nodeStatuses } from '@meridian/region'
import { toWireRange } from '@meridian/protocol'
import type { PlannedTransfer, RegionServiceDefinition } from '@meridian/protocol'
import type { HandlersOf } from '@meridian/rpc'
import {
  BUDGET_MS_MAX,
  FAILOVER_POLICIES,
  keyOfBytes,
  keyspaceName,
  MeridianError,
  operationId,
  rangeIsOpen,
  regionLeaseKey,
} from '@meridian/topology'
import type { FailoverPolicy, RegionId } from '@meridian/topology'
import { toWireOperation } from './operation-entry.ts'
import { planWorldOf, remembered, toWirePlanned } from './operation-handlers.ts'
import type { OperationParts } from './operation-parts.ts'
import { regionHealth } from './region-health.ts'
import type { OwnRegion } from './region-health.ts'
import { checkedReason, knownRegion } from './request-checks.ts'

export function regionHandlers(parts: () => OperationParts): HandlersOf<typeof RegionServiceDefinition> {
  return {
    drainRegion: async (request, call) => {
      const server = parts()
      await server.verbs.drain(knownRegion(server, request.region), operationId(request.operation), call.signal)
      return {}
    },

    undrainRegion: async (request, call) => {
      const server = parts()
      const region = knownRegion(server, request.region)
      // One that was given up by hand may renew again, and one that never had a lease has none to lift.
      if (server.globalView.record(regionLeaseKey(region)) !== undefined) {
        await server.verbs.liftBar(region, call.signal)
      }
      await server.verbs.undrain(region, call.signal)
      return {}
    },

    failOverRegion: async (request, call) => {
      const server = parts()
      const region = knownRegion(server, request.region)
      const reason = checkedReason(request.reason)
      const { dryRun, poweredOff, evenStranded } = request
      if (dryRun) {
        await server.ownership.catchUp(call.signal)
        const plan = await server.verbs.planFailOver(region, call.signal)
        return { operation: undefined, takes: takesOf(server, region, plan) }
      }
      const { term } = await server.verbs.failOver({ region, reason, poweredOff, evenStranded }, call.signal)
      const entry = await remembered(server, takeoverOperation(region, term), call.signal)
      return { operation: toWireOperation(entry), takes: [] }
    },

    listRegions: () => {
      const server = parts()
      const { globalView } = server
      const sights = new Map(server.authority.regions().map((sight) => [sight.region, sight]))
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

/** Where each range of the region would go, or why nowhere. */
function takesOf(server: OperationParts, region: RegionId, plan: FailOverPlan): PlannedTransfer[] {
  const world = planWorldOf(server)
  const targets = new Map(plan.batches.flatMap(({ takes }) => takes.map(({ rangeId, target }) => [rangeId, target])))
  const stranded = new Map(plan.stranded.map(({ range, why }) => [range.rangeId, why]))
  return world.ranges
    .filter(({ owner }) => owner === region)
    .map((range) => {
      const target = targets.get(range.rangeId)
      const why = stranded.get(range.rangeId)
      return toWirePlanned({
        range,
        target,
        obstacles: why === undefined ? [] : [{ text: why, blocks: true }],
        shards: world.shards(range.rangeId),
        lagEntries: target === undefined ? undefined : world.lagEntries(range.rangeId, target),
        commitMs: world.commitFloorMs,
        writesPerS: world.writesPerS(range.rangeId),
      })
    })
}

function policyOf(text: string): FailoverPolicy {
  const policy = FAILOVER_POLICIES.find((each) => each === text)
  if (policy !== undefined) return policy
  throw new MeridianError('INVALID_ARGUMENT', `a failover policy is one of ${FAILOVER_POLICIES.join(', ')}`)
}

function ownRegion(
  { globalView, regionView, agent, control, nodeOperations, standstill, regionalAgeMs }: OperationParts,
  region: RegionId,
): OwnRegion {
  const open = globalView.ranges.list().filter((range) => range.owner === region && rangeIsOpen(range))
  // One sample of the clock for all: compared with one of another moment a lease would look like a budget.
  // Promises first: of a later moment they would be less than what ranges are confirmed for by them, and look like one too.
  const standstillMs = standstill?.remainingMs() ?? 0
  const { remainingMs: leaseMs, confirmed } = agent.confirm(open)
  const rangeMs = new Map(confirmed.map(({ rangeId, remainingMs }) => [rangeId, remainingMs]))
  const nodes = nodeStatuses(regionView)
  const nodesDown = nodes.filter(({ status }) => status === 'down').length
  const nodesGone = nodes.filter(({ status }) => status === 'decommissioned').length
  const shards = [...regionView.pages.values()].flatMap(({ page }) => (page.role === 'owner' ? page.shards : []))
  return {
    globalAgeMs: agent.globalAgeMs(),
    regionalAgeMs: regionalAgeMs(),
    leaseMs,
    standstillMs,
    rangesMs: open.map(({ rangeId }) => rangeMs.get(rangeId) ?? 0),
    hasController: (control.controller() ?? '') !== '',
    nodesUp: nodes.length - nodesDown - nodesGone,
    nodesDown,
    shardsLeaderless: shards.filter(({ status }) => status === 'leaderless').length,
    controller: nodeOperations.health(),
  }
}
