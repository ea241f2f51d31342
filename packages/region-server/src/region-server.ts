import { FollowerRegistry, operationServices, regionServices } from '@meridian/api'
import type { OperationParts } from '@meridian/api'
import { RpcSnapshotSource } from '@meridian/client'
import type { ProcessConfig, ServerPlace } from '@meridian/deploy'
import {
  bootstrapGlobal,
  GLOBAL_MIRROR_PREFIXES,
  GlobalView,
  LeaderPlacer,
  OwnershipService,
  PLACER_ROLE,
  RegionAgent,
  registerRegion,
  runJanitor,
  writeLeaderPreference,
} from '@meridian/global'
import {
  StampRefusedError,
  formatTimestamp,
  HybridClock,
  keepCeiling,
  parseTimestamp,
  ClockGuardLoop,
} from '@meridian/hlc'
import type { Timestamp } from '@meridian/hlc'
import { backoffMs, LoopScope } from '@meridian/loop'
import type { Logger } from '@meridian/loop'
import {
  assignmentsOf,
  bootstrapRegion,
  NodeRegistry,
  RegionController,
  REGION_TIMING,
  RegionView,
} from '@meridian/region'
import type { OwnedRanges } from '@meridian/region'
import { TaxServiceDefinition } from '@meridian/protocol'
import { Router } from '@meridian/router'
import { ChannelPool, clientOf } from '@meridian/rpc'
import { observeLeader } from '@meridian/store'
import { Mirror } from '@meridian/store/mirror'
import {
  GLOBAL_PUBLISHED_PREFIXES,
  GLOBAL_STREAM,
  isMeridianError,
  MeridianError,
  REGION_PUBLISHED_PREFIXES,
  regionStream,
  STAMP_KEY,
  streamRegion,
} from '@meridian/topology'
import type { StreamId } from '@meridian/topology'
import { compositeSource } from './composite-source.ts'
import { ControlMeter, HAND_OVER, MeteredWriter } from './control-meter.ts'
import { collectDemand } from './demand-collector.ts'
import { nodePositions } from './node-positions.ts'
import { FedRegions } from './other-regions.ts'
import type { OperationMetrics, RegionServerPorts } from './ports.ts'
import { runPublisher } from './publish.ts'
import { RegionalFloor } from './regional-floor.ts'
import { RttProber } from './rtt-prober.ts'
import { composeOperations } from './operations.ts'
import { openStandstill } from './standstill.ts'
import { TierStream } from './tier-stream.ts'
import { VoterPlaces, voterRegion } from './voter-places.ts'

const START_BACKOFF = { delayMsMin: 100, delayMsMax: 2000 }
/** Patience for another server that is asked on behalf of a caller, ms. */
const ASKED_MS_MAX = 5000

export interface RegionServerOptions {
  readonly config: ProcessConfig
  readonly place: ServerPlace
  readonly ports: RegionServerPorts
  /** Folder of the proto module; given, the server answers gRPC reflection. */
  readonly protoDir?: string
  readonly log: Logger
  /** A loop ended with an error nobody foresaw: the process should end, and be started anew. */
  readonly onFailure: (loop: string, error: unknown) => void
}

/**
 * A region server: agent, controller and publisher of its region as far as it is elected, snapshots and API always.
 *
 * It listens at once and answers UNAVAILABLE, with what it waits for, until both tiers have answered: regions come up
 * minutes apart, and a lone voter of the global tier has no leader.
 */
export async function startRegionServer(options: RegionServerOptions): Promise<AsyncDisposable> {
  const { place, ports, log, protoDir } = options
  // Disposed from the last to the first: stop answering, end the loops, then close what they stand on.
  await using started = new AsyncDisposableStack()
  const running = started.use(new AsyncDisposableStack())
  const scope = started.use(new LoopScope(log, options.onFailure))
  let parts: OperationParts | undefined
  let waitingFor = 'the global tier'
  const present = (): OperationParts => {
    if (parts !== undefined) return parts
    throw new MeridianError('UNAVAILABLE', `the server is starting: it waits for ${waitingFor}`)
  }
  const server = started.use(
    await ports.transport.serve({
      listen: place.listen,
      log,
      ...(protoDir === undefined ? {} : { protoDir }),
      services: [...regionServices(present), ...operationServices(present)],
    }),
  )
  server.setServing(false)
  log.info({ address: server.address }, 'listening')
  scope.start('start', async (signal) => {
    parts = await open(options, running, scope, signal, (what) => {
      waitingFor = what
      log.info({ waitingFor: what }, 'starting')
    })
    server.setServing(true)
    log.info({}, 'serving')
  })
  return started.move()
}

async function open(
  options: RegionServerOptions,
  running: AsyncDisposableStack,
  scope: LoopScope,
  signal: AbortSignal,
  waitFor: (what: string) => void,
): Promise<OperationParts> {
  const { config, place, ports, log } = options
  const { region, timing } = config
  const { clock, physical, wallUs, random } = ports
  const address = place.advertise
  const answered = <T>(ask: () => Promise<T>): Promise<T> => untilAnswered(ask, ports, log, signal)

  const globalStore = running.use(await ports.openStore('global'))
  const regionStore = running.use(await ports.openStore('regional'))
  const pool = running.use(new ChannelPool({ hosts: config.hosts, transport: ports.transport }))

  waitFor(`the regional tier at ${config.regional.endpoints.join(', ')}`)
  const regionIncarnation = await answered(() => bootstrapRegion(regionStore, signal))
  waitFor(`the global tier at ${config.global.endpoints.join(', ')}`)
  const globalIncarnation = await answered(() => bootstrapGlobal(globalStore, signal))

  // Clocks that disagree end what was counted on them: the region lease, and the right to stamp. The next committed
  // renewal of the lease proves this process again.
  let suspected = (_why: string): void => {}
  const guard = new ClockGuardLoop({
    clock,
    physical,
    ...(ports.boot === undefined ? {} : { boot: ports.boot }),
    onSuspect: ({ pair, byMs }) => {
      log.warn({ pair, byMs }, 'clocks disagree')
      suspected(`${pair.join(' and ')} differ by ${Math.round(byMs)} ms`)
    },
  })
  const hlc = await HybridClock.open({
    origin: place.id,
    physical: guard.physical,
    maxOffsetMs: timing.maxClockOffsetMs,
    ceiling: ports.ceiling,
    ...(ports.clockTap === undefined ? {} : { tap: ports.clockTap }),
    sleep: (ms) => clock.sleep(ms, signal),
    signal,
  })
  for (const tier of [globalStore, regionStore]) {
    const stamp = await answered(() => tier.get(STAMP_KEY, { signal }))
    if (stamp !== undefined) hlc.observeCommitted(parseTimestamp(Buffer.from(stamp.value).toString()))
  }

  const mirrorOptions = { clock, log, random }
  const globalMirror = running.use(
    await Mirror.open(globalStore, { ...mirrorOptions, prefixes: GLOBAL_MIRROR_PREFIXES }, signal),
  )
  const regionMirror = running.use(
    await Mirror.open(regionStore, { ...mirrorOptions, prefixes: REGION_PUBLISHED_PREFIXES }, signal),
  )
  const globalView = running.use(new GlobalView(globalMirror))
  const regionView = running.use(await RegionView.open(regionStore, mirrorOptions, signal))
  const globalTier = running.use(
    new TierStream(GLOBAL_STREAM, globalIncarnation, globalMirror, GLOBAL_PUBLISHED_PREFIXES),
  )
  const regionTier = running.use(
    new TierStream(regionStream(region), regionIncarnation, regionMirror, REGION_PUBLISHED_PREFIXES),
  )

  const own = config.regions.find((each) => each.id === region)
  await answered(() =>
    registerRegion(
      globalStore,
      { region, displayName: config.displayName, servers: own?.servers ?? [address] },
      signal,
    ),
  )

  const prober = new RttProber({ region, regions: config.regions, pool, clock, wallUs, random, log })
  const voters = new VoterPlaces(globalStore, clock, log)
  const metrics: OperationMetrics = running.use(
    await ports.openMetrics({ matrix: prober.matrix, leaseRemainingMs: () => agent.remainingMs() }),
  )
  const regionalFloor = new RegionalFloor({ store: regionStore, fsync: () => ports.fsync(), clock, log })
  const meter = new ControlMeter(region, prober.matrix, voters, regionalFloor, metrics)

  const writer = new MeteredWriter(regionStore, hlc, clock, meter.regional)
  const registry = new NodeRegistry({ region, store: regionStore, writer })
  const bus = running.use(await ports.openBus())
  const ownSnapshot = (stream: StreamId) => [globalTier, regionTier].find((tier) => tier.stream === stream)?.snapshot()
  const elsewhere = (stream: StreamId) => config.regions.find((each) => each.id === streamRegion(stream))?.servers ?? []
  const router = running.use(
    new Router({
      bus,
      source: compositeSource(ownSnapshot, {
        fetch: (stream, abort) => new RpcSnapshotSource(pool, () => elsewhere(stream), clock).fetch(stream, abort),
      }),
      clock,
      log: log.child({ component: 'router' }),
      random,
    }),
  )
  const others = running.use(new FedRegions(region, router))
  const ranges: OwnedRanges = {
    get revision() {
      return globalView.revision
    },
    catchUp: (abort) => ownership.catchUp(abort),
    ranges: () => globalView.ranges.list(),
    get: (id) => globalView.range(id),
    find: (keyspace, key) => globalView.ranges.find(keyspace, key),
    // The view also changes with every renewal of a region lease.
    subscribe: (listener) => {
      let seen = globalView.ranges
      return globalView.subscribe(() => {
        if (globalView.ranges === seen) return
        seen = globalView.ranges
        listener()
      })
    },
  }
  const controller = running.use(
    new RegionController({
      region,
      store: regionStore,
      view: regionView,
      ranges,
      others,
      writer,
      address,
      timing: {
        ...REGION_TIMING,
        nodeLeaseMs: timing.nodeLeaseMs,
        nodeWaitMs: timing.nodeWaitMs,
        controllerTtlMs: timing.electionTtlMs,
      },
      clock,
      log: log.child({ component: 'controller' }),
      onRenewals: (tookMs) => meter.regional('node-renewals', tookMs),
      random,
      positions: nodePositions(pool),
      wallMs: () => physical.nowMs(),
    }),
  )
  const still = config.standstill
    ? await openStandstill(
        {
          region,
          regionStore,
          globalView,
          // Nobody asks before this server is listening.
          globalAgeMs: () => agent.globalAgeMs(),
          pool,
          timing,
          clock,
          log,
          random,
        },
        signal,
      )
    : undefined
  if (still !== undefined) running.use(still.promises)
  const agent = new RegionAgent({
    region,
    store: globalStore,
    view: globalView,
    clock,
    log: log.child({ component: 'agent' }),
    leaseMs: timing.regionLeaseMs,
    renewEveryMs: timing.regionRenewMs,
    guard: {
      get jumps() {
        return guard.jumps
      },
      cleared: (jumps) => {
        const quiet = guard.cleared(jumps)
        if (quiet) hlc.resume()
        return quiet
      },
    },
    meter: meter.global,
    ...(still === undefined ? {} : { standstill: still.standstill }),
  })
  suspected = (why) => {
    hlc.suspend(why)
    agent.clockJumped()
  }
  if (guard.verdict.kind === 'suspect') suspected('the clocks disagreed while the server started')
  scope.start('clock guard', (abort) => guard.run(abort))
  scope.start('clock ceiling', (abort) =>
    keepCeiling(
      { hlc, clock, onFailure: (error) => log.warn({ err: error }, 'clock ceiling not raised ahead of need') },
      abort,
    ),
  )
  const ownership = new OwnershipService({
    store: globalStore,
    view: globalView,
    hlc,
    clock,
    log,
    random,
    meter: meter.global,
    leaderChanges: voters.onLeaderChange,
  })
  const operations = composeOperations({
    region,
    address,
    globalStore,
    globalView,
    regionView,
    router,
    others,
    ownership,
    controller,
    pool,
    hlc,
    electionTtlMs: timing.electionTtlMs,
    regionLeaseMs: timing.regionLeaseMs,
    ...(still === undefined ? {} : { gate: still.promises }),
    commitFloorMs: () => meter.commitFloorMs(),
    clock,
    wallMs: () => physical.nowMs(),
    log,
    random,
  })
  const placer = new LeaderPlacer({
    store: globalStore,
    address,
    electionTtlMs: timing.electionTtlMs,
    regionOf: voterRegion,
    matrix: prober.matrix,
    objective: config.leader.objective,
    placement: config.leader,
    collectDemand: (demand, surplus, abort) => collectDemand(demand, surplus, config.regions, pool, clock, log, abort),
    clock,
    wallMs: () => physical.nowMs(),
    log: log.child({ component: 'placer' }),
    random,
  })

  let publishing = false
  scope.start('region lease', (abort) => agent.run(abort))
  if (still !== undefined) scope.start('standstill', (abort) => still.standstill.run(abort))
  scope.start('janitor', (abort) => runJanitor(globalStore, physical, clock, log, abort))
  scope.start('round trips', (abort) => prober.run(abort))
  scope.start('voters', (abort) => voters.run(abort))
  scope.start('regional floor', (abort) => regionalFloor.run(abort))
  scope.start('placer', (abort) => placer.run(abort))
  for (const [name, run] of Object.entries(operations.loops)) scope.start(name, run)
  scope.start('publisher', (abort) =>
    runPublisher(
      {
        electionStore: regionStore,
        electionTtlMs: timing.electionTtlMs,
        streams: [
          { tier: globalTier, store: globalStore },
          { tier: regionTier, store: regionStore },
        ],
        bus,
        clock,
        log: log.child({ component: 'publisher' }),
        random,
        stamp: () => formatTimestamp(stampOrLast(hlc)),
        address,
        onPublisher: (now) => {
          publishing = now
        },
      },
      abort,
    ),
  )

  return {
    ...operations.parts,
    ...still?.parts,
    regionalAgeMs: () => regionalFloor.answerAgeMs(),
    region,
    server: place.id,
    clock,
    globalStore,
    regionStore,
    ownership,
    globalView,
    regionView,
    agent,
    control: {
      openRange: async (range, bounds, abort) => {
        await controller.openRange(range, bounds, abort)
      },
      handOver: async (shard, target, abort) => {
        const startedMs = clock.nowMs()
        const record = await controller.handOver(shard, target, abort)
        meter.regional(HAND_OVER, clock.nowMs() - startedMs)
        return record
      },
      renew: (nodeId, nodeEpoch, appliedRevision, abort) =>
        controller.renew({ nodeId, nodeEpoch, appliedRevision }, abort),
      controller: () => controller.controllerAddress,
    },
    nodes: {
      register: (registration, abort) => registry.register(registration, abort),
      assignments: (node, abort) => assignmentsOf({ view: regionView, region, ranges, others }, node, abort),
    },
    followers: new FollowerRegistry(),
    tax: {
      wallUs,
      rtts: () => prober.matrix.rows(),
      rows: () => meter.tax.rows(),
      explanation: () => placer.explanation(),
      askPlacer: async (abort) => {
        const elected = await observeLeader(globalStore, PLACER_ROLE, { signal: abort })
        if (elected === undefined || elected.value === address) {
          throw new MeridianError('UNAVAILABLE', 'no server places the leader of the global tier yet')
        }
        const client = clientOf(TaxServiceDefinition, pool.channel(elected.value))
        return client.explainLeader({}, { timeoutMs: ASKED_MS_MAX, signal: abort })
      },
      voterRegions: async (abort) => {
        await voters.refresh(abort)
        return voters.regions
      },
      prefer: (preferred, abort) => writeLeaderPreference(globalStore, preferred, abort),
    },
    snapshot: (stream) => ownSnapshot(stream) ?? router.follower(stream)?.view.snapshot(),
    reports: () => router.reports(),
    publisher: () => (publishing ? address : undefined),
  }
}

/** A beacon's stamp orders nothing: with a clock that may not stamp now, the last one will do. */
function stampOrLast(hlc: HybridClock): Timestamp {
  try {
    return hlc.now()
  } catch (error) {
    if (error instanceof StampRefusedError) return hlc.last
    throw error
  }
}

/** Tries until the store answers: a tier without a quorum is waited for, everything else ends the start. */
async function untilAnswered<T>(
  ask: () => Promise<T>,
  { clock, random }: RegionServerPorts,
  log: Logger,
  signal: AbortSignal,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    signal.throwIfAborted()
    try {
      return await ask()
    } catch (error) {
      signal.throwIfAborted()
      if (!isMeridianError(error, 'UNAVAILABLE') && !isMeridianError(error, 'OUTCOME_UNKNOWN')) throw error
      log.debug({ err: error, attempt }, 'tier not ready')
    }
    await clock.sleep(backoffMs(START_BACKOFF, attempt, random), signal)
  }
}
