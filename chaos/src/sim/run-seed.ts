import type { MeridianClient } from '@meridian/client'
import { streamRegion } from '@meridian/topology'
import { ALL_CHECKERS, judgeAll } from '../checkers/all-checkers.ts'
import type { Judged } from '../checkers/checker.ts'
import { BOUNDS } from '../checkers/liveness/bounds.ts'
import { livenessCheckers } from '../checkers/liveness/liveness-checkers.ts'
import type { HistoryEvent } from '../history/event.ts'
import { formatEvent } from '../history/history-text.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { drawSchedule } from './faults/schedule.ts'
import type { FaultKind, FaultStep } from './faults/fault-step.ts'
import { Nemesis } from './faults/nemesis.ts'
import { forgettableSignals } from './kernel/forgettable-signals.ts'
import { clockOf } from './kernel/machine-clock.ts'
import { Machine } from './kernel/machine.ts'
import type { Life } from './kernel/process.ts'
import { SimRandom } from './kernel/random.ts'
import type { Mutant } from './mutants/mutant.ts'
import { clockTapOf } from './record/clock-recording.ts'
import { hasFinalState, recordFinalState } from './record/final-state.ts'
import { MoveRecording } from './record/move-recording.ts'
import { NetRecording } from './record/net-recording.ts'
import { SimRecorder } from './record/sim-recorder.ts'
import { StoreRecording } from './record/store-recording.ts'
import { SimWitnesses } from './record/witnesses.ts'
import type { SimEtcd } from './store/sim-etcd.ts'
import { DataWorkers } from './workload/data-worker.ts'
import type { WorkCounts } from './workload/data-worker.ts'
import { Operator } from './workload/operator.ts'
import type { UnansweredOperations } from './workload/operator.ts'
import { KEYSPACE, keysOf } from './world/plan.ts'
import type { Profile } from './world/plan.ts'
import { Processes } from './world/start.ts'
import { SimWorld } from './world/world.ts'
import type { Failure } from './world/world.ts'

/** A world that is not up by then never will be. */
const SETUP_MS_MAX = 60_000
/** Waits are configured to the hundredth of a second, and so may lack less than that of their allowance. */
const ALLOWANCE_MS = 240
/** A request that went astray may have to go around the world: to whoever refuses it, and to whoever answers. */
const REDIRECT_MS = 200 + 2 * 250
/** A run commits less than a hundred times, and of that few the 99th of a hundred is the worst of all. */
const SEEN_MS = BOUNDS.seenHealedMs
/** G may have to elect a leader first, before anybody's silence counts; in so small a world the last is soon after. */
const FIRST_OF_REGION_MS = BOUNDS.firstOfRegionMs + 4500
const ALL_OF_REGION_MS = 24_000
const CHECKERS = [
  ...ALL_CHECKERS.filter(({ invariant }) => !invariant.startsWith('J')),
  ...livenessCheckers({
    ...BOUNDS,
    redirectMs: REDIRECT_MS,
    seenMs: SEEN_MS,
    firstOfRegionMs: FIRST_OF_REGION_MS,
    allOfRegionMs: ALL_OF_REGION_MS,
  }),
]
/** What clients have under way when the healed world ends. */
const DRAIN_MS_MAX = 30_000
const FINISH_MS_MAX = 15_000

/** What faults are there for: of many runs that saw none of one of these, none shows anything about it. */
export const EXERCISED = [
  'refusals',
  'unknown',
  'nodeTakeovers',
  'regionTakeovers',
  'transfers',
  'abortedWhileFrozen',
  'quarantined',
] as const

export interface SimOptions {
  /** Instead of the one drawn from the seed. */
  readonly faults?: readonly FaultStep[]
  readonly mutant?: Mutant
  readonly trace?: (world: SimWorld, processes: Processes) => void
}

export interface SimRun {
  readonly seed: number
  readonly profile: string
  readonly traceHash: string
  readonly faults: readonly FaultStep[]
  readonly verdicts: readonly Judged[]
  /** Processes that met what should never happen, and why the run could not be judged; empty when all is well. */
  readonly failures: readonly string[]
  /** Nothing happened that would prove anything. */
  readonly voidBecause: string | undefined
  readonly counts: Readonly<Record<string, number>>
  readonly faultCounts: ReadonlyMap<FaultKind, number>
  readonly history: readonly HistoryEvent[]
  readonly virtualMs: number
}

/** One world from its first process to its last verdict, all from one seed. */
export async function runSeed(seed: number, profile: Profile, options: SimOptions = {}): Promise<SimRun> {
  using _ = forgettableSignals()
  // What a mutant may look at, once it is there.
  const late: { world?: SimWorld; processes?: Processes } = {}
  const bends = options.mutant?.bends({
    random: SimRandom.of(seed, 'mutant'),
    node: (name) => late.processes?.node(name),
    store: (name) => {
      if (late.world === undefined) throw new Error('assertion: a mutant before its world')
      return late.world.store(name)
    },
    after: (ms, act) => void late.world?.scheduler.after(ms, 'mutant', act),
  })
  const world = new SimWorld(seed, profile, bends)
  late.world = world
  const recorder = new SimRecorder(world.scheduler)
  const { timing } = world.plans[0]?.config ?? { timing: undefined }
  if (timing === undefined) throw new Error('assertion: a world without regions')
  const { regionLeaseMs, nodeLeaseMs, maxClockOffsetMs: leadMs } = timing
  const constants = { regionLeaseMs, nodeLeaseMs, leadMs, allowanceMs: ALLOWANCE_MS }
  recorder.record({ kind: 'run', seed: String(seed), exact: true, constants })
  // Before everything has found everything, nothing is owed in time.
  const start = { id: 'start', fault: 'storm', target: 'world:start' } as const
  recorder.record({ kind: 'fault.on', ...start, params: {} })
  const processes = new Processes(world)
  late.processes = processes
  const stores = new StoreRecording(recorder, { regionLeaseMs })
  world.storeTap = stores
  const workers: DataWorkers[] = []
  const workersOf = (client: string): DataWorkers | undefined => workers.find(({ name }) => name === client)
  const answeredAt = new Set<string>()
  const moves = new MoveRecording(recorder, world.store(GLOBAL_TIER), world.disks)
  const net = new NetRecording(recorder, {
    moves,
    node: (name) => processes.node(name),
    disk: (name) => world.disks.get(name),
    store: (region) => world.store(region),
    onRead: (client, node, request, response) => workersOf(client)?.onRead(node, request, response),
    onWrite: (client, node, request, response) => {
      workersOf(client)?.onWrite(node, request, response)
      if (response.outcome?.$case !== 'results') return
      for (const { sequence, index, duplicate } of response.outcome.value.items)
        if (!duplicate) answeredAt.add(`${request.shardId} ${request.session}/${sequence} ${index}`)
    },
  })
  world.network.tap = net
  processes.tap = {
    begun: (life) => recorder.begin(life),
    gaveUp: (life) => recorder.end(life),
    clock: (life) => clockTapOf(recorder, life),
    ceiling: (life, ceilingMs) => recorder.by(life, { kind: 'hlc.ceil', ceilingMs }),
    synced: (life, shard, before, promised, lastIndex) => net.synced(life, shard, before, promised, lastIndex),
  }
  recordLeaders(world.store(GLOBAL_TIER), recorder)
  const trueClock = clockOf(new Machine(world.scheduler, 'witnesses', 0, 0), (event) => event())
  const witnesses = new SimWitnesses(world.stores.values(), recorder, trueClock)
  options.trace?.(world, processes)

  processes.startAll()
  const clients = world.plans.map((plan) => {
    const client = processes.startClient(plan, () => {})
    const life = lifeOf(world, plan.client)
    recordFeed(client, life, recorder)
    const own = new DataWorkers(client, life, recorder, keysOf(profile), profile.pauseMs)
    workers.push(own)
    return { client, life }
  })
  const unanswered: UnansweredOperations = new Map()
  const operators = clients.map(
    ({ client, life }) =>
      new Operator(
        client,
        life,
        recorder,
        profile,
        world.plans,
        world.random(`operator ${life.process.name}`),
        unanswered,
      ),
  )
  const [first] = operators
  if (first === undefined) throw new Error('assertion: a world without clients')

  const nemesis = new Nemesis(world, processes, recorder)
  const drawn = drawSchedule(world, world.random('nemesis'))
  const faults = options.faults ?? options.mutant?.faults?.(world, world.random('nemesis')) ?? drawn
  const failures: string[] = []
  let quarantined = 0
  const unhandled = (error: unknown): void => {
    failures.push(`a rejection that nobody handled: ${textOf(error)}`)
  }
  process.on('unhandledRejection', unhandled)
  try {
    let up = false
    void first.setUp().then(() => {
      up = true
    })
    await world.scheduler.run(SETUP_MS_MAX, () => up && workers.every(({ ready }) => ready))
    if (!up) failures.push('the world did not come up')
    else {
      recorder.record({ kind: 'fault.off', ...start })
      for (const own of workers) own.start(profile.workersPerRegion)
      for (const operator of operators) operator.start()
      nemesis.begin(faults)
      await world.scheduler.run(world.nowMs + profile.faultyMs + 1)
      nemesis.healAll()
      await world.scheduler.run(world.nowMs + profile.healedMs)
      for (const own of workers) own.stop()
      for (const operator of operators) operator.stop()
      await world.scheduler.run(world.nowMs + DRAIN_MS_MAX, () => [...operators, ...workers].every(({ idle }) => idle))
    }
    const sources = {
      global: world.store(GLOBAL_TIER),
      disks: world.disks,
      node: (name: string) => processes.node(name),
    }
    if (up) await world.scheduler.run(world.nowMs + DRAIN_MS_MAX, () => hasFinalState(sources))
    quarantined = recordFinalState(recorder, {
      ...sources,
      keyspace: KEYSPACE,
      requestOf: requestOfValue,
      answeredAt,
    })
    let finished = false
    void witnesses.finish(new AbortController().signal).then(() => {
      finished = true
    })
    await world.scheduler.run(world.nowMs + FINISH_MS_MAX, () => finished)
    if (!finished) failures.push('the witnesses did not come to an end')
  } finally {
    process.off('unhandledRejection', unhandled)
  }
  recorder.endAll()
  failures.push(...world.failures.map(failureText))
  const history = recorder.recorder.events
  const { trace } = world.scheduler
  for (const event of history) trace.text(formatEvent(event))
  const work = workSum(workers)
  const counts = {
    events: world.scheduler.fired,
    ...work,
    metadata: operators.reduce((sum, { counts: { done } }) => sum + done, 0),
    handOvers: operators.reduce((sum, { counts: { handOvers } }) => sum + handOvers, 0),
    served: net.counts.served,
    refusals: net.counts.refused,
    leaseReads: net.counts.leaseReads,
    nodeTakeovers: stores.counts.takes,
    regionTakeovers: stores.counts.regionTakes,
    transfers: moves.counts.committed,
    abortedTransfers: moves.counts.aborted,
    abortedWhileFrozen: moves.counts.abortedFrozen,
    quarantined,
    standstillPromises: stores.counts.promises,
    refusedCommits: stores.counts.refusedCommits,
    storeElections: [...world.stores.values()].reduce((sum, store) => sum + store.counts.elections, 0),
    lostMessages: world.network.counts.lost,
    repeatedRequests: world.network.counts.repeated,
    brokenCalls: world.network.counts.broken,
    faults: [...nemesis.counts.values()].reduce((sum, count) => sum + count, 0),
  }
  return {
    seed,
    profile: profile.name,
    traceHash: trace.value,
    faults,
    verdicts: judgeAll(history, CHECKERS),
    failures,
    voidBecause: voidOf(counts),
    counts,
    faultCounts: nemesis.counts,
    history,
    virtualMs: world.nowMs,
  }
}

/** Why the run proves nothing; undefined if it does. */
function voidOf(counts: Readonly<Record<string, number>>): string | undefined {
  if (counts['ok'] === 0) return 'no write was acknowledged'
  if (counts['reads'] === 0) return 'no read was answered'
  // Clients that met nothing out of the ordinary tried nothing; a world without faults is not meant to.
  if (counts['faults'] !== 0 && EXERCISED.every((what) => counts[what] === 0)) return 'nothing was exercised'
  return undefined
}

/** A value of the workload names its request. */
function requestOfValue(value: Uint8Array | undefined): { client: string; cseq: string } | undefined {
  if (value === undefined) return undefined
  const text = Buffer.from(value).toString('latin1')
  const slash = text.lastIndexOf('/')
  return { client: text.slice(0, slash), cseq: text.slice(slash + 1) }
}

/** When a store got another leader. */
function recordLeaders(store: SimEtcd, recorder: SimRecorder): void {
  let told = store.term
  let goneAt: number | undefined
  store.onChange(() => {
    if (store.leader === undefined) goneAt ??= recorder.nowNs()
    if (store.leader === undefined || store.term === told) return
    const awayMs = goneAt === undefined ? 0 : (recorder.nowNs() - goneAt) / 1e6
    told = store.term
    goneAt = undefined
    recorder.record({ kind: 'store.led', tier: store.name, term: String(told), awayMs })
  })
}

/** Each change of a client's map, with the digest of the stream that it followed. */
function recordFeed(client: MeridianClient, life: Life, recorder: SimRecorder): void {
  const at = new Map<string, string>()
  const { router } = client
  router.subscribe(() => {
    for (const { stream, position } of router.reports()) {
      const place = `${position.incarnation} ${position.revision}`
      if (at.get(stream) === place || position.revision === 0n) continue
      const first = !at.has(stream)
      at.set(stream, place)
      const [inc, rev] = [String(position.incarnation), String(position.revision)]
      const tier = streamRegion(stream) ?? GLOBAL_TIER
      const digest = router.follower(stream)?.view.digest ?? ''
      const kind = first ? 'feed.resync' : 'feed.apply'
      recorder.by(life, { kind, router: life.process.name, stream: tier, inc, rev, digest: String(digest) })
    }
  })
}

function lifeOf(world: SimWorld, name: string): Life {
  const { life } = world.process(name)
  if (life === undefined) throw new Error(`assertion: ${name} does not run`)
  return life
}

function workSum(workers: readonly DataWorkers[]): WorkCounts {
  const sum: WorkCounts = { ok: 0, failed: 0, unknown: 0, reads: 0, refusedReads: 0 }
  for (const { counts } of workers) {
    sum.ok += counts.ok
    sum.failed += counts.failed
    sum.unknown += counts.unknown
    sum.reads += counts.reads
    sum.refusedReads += counts.refusedReads
  }
  return sum
}

const textOf = (error: unknown): string =>
  error instanceof Error
    ? `${error.message}${error.cause === undefined ? '' : ` (${textOf(error.cause)})`}`
    : String(error)

const failureText = ({ process, what, error, atMs }: Failure): string =>
  `${process}, ${what}, at ${atMs.toFixed(0)} ms: ${textOf(error)}`
