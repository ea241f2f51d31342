import type { CopySights, NodeOperations, OperationParts } from '@meridian/api'
import { Authority, RegionVerbs, takeoverTimingOf, TransferDriver, Transfers } from '@meridian/global'
import type { GlobalView, OwnershipService, TakeGate } from '@meridian/global'
import type { HybridClock } from '@meridian/hlc'
import type { Clock, Logger } from '@meridian/loop'
import type { ReplicaMove as WireMove } from '@meridian/protocol'
import type { OtherRegions, RegionController, RegionView, ReplicaMove as RegionMove } from '@meridian/region'
import type { Router } from '@meridian/router'
import type { ChannelPool } from '@meridian/rpc'
import type { Store } from '@meridian/store'
import type { Page, RangeId, RegionId } from '@meridian/topology'
import { askLogPositions } from './node-positions.ts'
import { placesIn, RangeLoads } from './range-loads.ts'
import { regionSights } from './region-sights.ts'
import { standbyFactsOf } from './standby-facts.ts'
import { transferPorts } from './transfer-ports.ts'

export interface OperationSources {
  readonly region: RegionId
  /** Of this server. */
  readonly address: string
  readonly globalStore: Store
  readonly globalView: GlobalView
  readonly regionView: RegionView
  readonly router: Router
  readonly others: OtherRegions
  readonly ownership: OwnershipService
  readonly controller: RegionController
  readonly pool: ChannelPool
  readonly hlc: HybridClock
  readonly electionTtlMs: number
  readonly regionLeaseMs: number
  /** What this region promised not to take. Default: nothing. */
  readonly gate?: TakeGate
  /** Least that a commit at G takes from here, ms; undefined while it is not known. */
  readonly commitFloorMs: () => number | undefined
  readonly clock: Clock
  readonly wallMs: () => number
  readonly log: Logger
  readonly random: () => number
}

type Parts = Pick<OperationParts, 'transfers' | 'verbs' | 'authority' | 'copies' | 'nodeOperations' | 'regionLeaseMs'>

export interface Operations {
  readonly parts: Parts
  /** Each runs until its signal aborts. */
  readonly loops: Readonly<Record<string, (signal: AbortSignal) => Promise<void>>>
}

/** What takes several commits: takeovers, transfers, whole regions, nodes and replicas. */
export function composeOperations(sources: OperationSources): Operations {
  const { region, address, globalStore: store, globalView: view, ownership, clock, wallMs, log, random } = sources
  const { regionView, others, router, pool, hlc, controller, regionLeaseMs } = sources
  const ports = transferPorts({ region, regionView, router, others, pool })
  const standbyFacts = standbyFactsOf(region, { globalView: view, regionView, others })
  const objection = (target: RegionId): string | undefined => {
    if (view.drained.has(target)) return `${target} is drained`
    const sight = authority.regions().find((each) => each.region === target)
    return sight === undefined || sight.verdict === 'renewing'
      ? undefined
      : `the lease of ${target} is ${sight.verdict}`
  }
  const loads = new RangeLoads({
    ranges: () => view.ranges.list(),
    places: placesIn(regionSights(sources)),
    ask: (place, shards, signal) => askLogPositions(pool, place, shards, signal),
    clock,
    log: log.child({ component: 'loads' }),
  })
  const driver = new TransferDriver({
    store,
    view,
    ownership,
    ports,
    objection,
    clock,
    wallMs,
    log: log.child({ component: 'transfers' }),
  })
  const authority = new Authority({
    store,
    view,
    ownership,
    address,
    electionTtlMs: sources.electionTtlMs,
    timing: takeoverTimingOf(regionLeaseMs),
    standbyFacts,
    importance: (range) => loads.load(range)?.writesPerS ?? 0,
    ...(sources.gate === undefined ? {} : { gate: sources.gate }),
    alongside: (leadership, signal) => driver.run(leadership, signal),
    clock,
    wallMs,
    log: log.child({ component: 'authority' }),
    random,
  })
  const copies: CopySights = {
    ownerPage: (range) => ownerPage(range, sources),
    standbyFacts,
    load: (range) => loads.load(range),
    commitFloorMs: sources.commitFloorMs,
    mapAgeMs: (each) => others.ageMs(each),
  }
  const nodeOperations: NodeOperations = {
    setDuty: (node, duty, forced, signal) => controller.setDuty(node, duty, forced, signal),
    health: () => controller.health(),
    move: (operation, { shard, from, to }, signal) =>
      controller.moveReplica({ operation, shardId: shard, from, to }, signal).then(toWireMove),
    moves: () => Promise.resolve(controller.moves().map(toWireMove)),
    abortMove: (operation, signal) => controller.abortMove(operation, signal).then(toWireMove),
  }
  return {
    parts: {
      transfers: new Transfers({ store, view, ownership, wallMs }),
      verbs: new RegionVerbs({ store, view, hlc, address, ports, standbyFacts, objection, clock, wallMs }),
      authority,
      copies,
      nodeOperations,
      regionLeaseMs,
    },
    loops: { authority: (signal) => authority.run(signal), 'range loads': (signal) => loads.run(signal) },
  }
}

const toWireMove = ({ operation, shardId, from, to, phase, note, startedWallMs }: RegionMove): WireMove => ({
  operation,
  shardId,
  from,
  to,
  phase,
  note,
  startedWallMs: BigInt(startedWallMs),
})

type Sources = Pick<OperationSources, 'region' | 'globalView' | 'regionView' | 'router' | 'others'>

function ownerPage(range: RangeId, { globalView, region, regionView, others }: Sources): Page | undefined {
  const owner = globalView.range(range)?.owner
  if (owner !== region) return others.ownerPage(range)?.page
  const page = regionView.pages.get(range)?.page
  return page?.role === 'owner' ? page : undefined
}
