import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { calibratedRttMs, globalLeader, startWorld } from '@meridian/lab'
import type { Calibration, WanMatrix, WorldBinaries, WorldProgress, WorldRegion } from '@meridian/lab'
import { silentLogger } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import { openEtcdStore } from '@meridian/store/etcd'
import { MeridianError } from '@meridian/topology'
import { meanCalibration } from '../latency-tax/calibrations.ts'
import { withLoopDelay } from '../latency-tax/loop-delay.ts'
import { machineFacts } from '../latency-tax/machine-facts.ts'
import { linksOfCell, rejectionOf } from '../latency-tax/rejection.ts'
import { raftTimers, writeWorldFiles } from '../latency-tax/world-files.ts'
import type { RegionPlace, RunHeader } from '../report/report-input.ts'
import { DemandStream } from './demand-stream.ts'
import { LeaderWatch } from './leader-watch.ts'
import type { OpenShiftClient } from './shift-client.ts'
import { spanFigures, spanGapMs } from './shift-figures.ts'
import type { Span } from './shift-figures.ts'
import { predictionBoundMs, shiftGoals } from './shift-goals.ts'
import type { MoveLine, PhaseLine, PhaseName, ShiftLine } from './shift-lines.ts'
import { shiftPlan } from './shift-plan.ts'

export interface LeaderShiftOptions {
  /** Names the results: `aws-3`. */
  readonly topology: string
  /** All of its regions take part, each with a voter. */
  readonly matrix: WanMatrix
  readonly places: readonly RegionPlace[]
  /** Commits per second. */
  readonly ratePerS: number
  /** How long each steady phase is measured, ms. */
  readonly phaseMs: number
  readonly calibrationSamples: number
  readonly basePort: number
  readonly dataDir: string
  readonly binaries: WorldBinaries
  readonly openClient: OpenShiftClient
  readonly isReady: (region: WorldRegion) => Promise<boolean>
  readonly commit: string
  /** ISO 8601. */
  readonly date: string
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  readonly progress: (text: string) => void
  readonly onWorld?: (event: WorldProgress) => void
}

export interface LeaderShiftRun {
  readonly run: RunHeader
  readonly lines: readonly ShiftLine[]
}

/** The rest after a move is shorter than in production, or the move after the shift would have to wait for it. */
const COOLDOWN_S = 30
/** Longest wait for the leader to arrive where it is cheapest: demand of before decays by half in 30 s. */
const ARRIVAL_MS_MAX = 300_000
/** Before anything counts. */
const WARM_UP_MS = 10_000
/** What lies this far around a move belongs to it. */
const AROUND_MOVE_MS = 3000
const POLL_MS = 250

/**
 * What the product does when demand moves from one region to another: its own placer, on its own measurements, moves the
 * leader. Measured are the mean before and after against what it predicted, and what the move itself cost those who were
 * asking meanwhile, in an open loop.
 *
 * Everything is stopped before this resolves or rejects.
 *
 * @throws MeridianError as `startWorld` does; INVALID_ARGUMENT when no shift between these regions moves a leader
 */
export async function runLeaderShift(options: LeaderShiftOptions): Promise<LeaderShiftRun> {
  const { topology, matrix, clock, signal, progress } = options
  const begunMs = clock.nowMs()
  const [loadAverage = 0] = loadavg()
  const ids = matrix.regionIds
  const plan = shiftPlan(ids, matrix.rttMs)
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  await using open = new AsyncDisposableStack()
  const scratch = await mkdtemp(join(options.dataDir, 'scratch-'))
  open.defer(() => rm(scratch, { recursive: true, force: true }))
  const files = await writeWorldFiles(scratch, matrix, { objective: 'mean', cooldown: `${COOLDOWN_S}s` })
  const world = open.use(
    await startWorld({
      ...files,
      regions: ids.length,
      etcdMembers: 3,
      basePort: options.basePort,
      dataDir: join(options.dataDir, 'world'),
      fresh: true,
      binaries: options.binaries,
      only: ['etcd', 'nats', 'server'],
      isReady: options.isReady,
      calibrationSamples: options.calibrationSamples,
      signal,
      ...(options.onWorld === undefined ? {} : { progress: options.onWorld }),
    }),
  )
  const clients = new Map(
    world.regions.map((region) => [region.id as string, open.use(options.openClient(region, world.regions))]),
  )
  const clientOf = (region: string) => {
    const client = clients.get(region)
    if (client === undefined) throw new Error(`assertion: no client in ${region}`)
    return client
  }
  await clientOf(plan.source).prepare(signal)
  const endpoint = world.regions[0]?.globalEtcd?.clientUrl ?? ''
  const store = open.use(await openEtcdStore({ endpoints: [endpoint], clock, log: silentLogger }))
  const machine = await machineFacts(scratch, (await store.status(signal)).version, clock)

  const calibrate = () => world.lab.calibrate({ samples: options.calibrationSamples })
  const stream = new DemandStream(plan.source, {
    send: (region, each) => clientOf(region).assign(each),
    periodMs: 1000 / options.ratePerS,
    clock,
    random: options.random,
  })
  const watch = new LeaderWatch({
    leader: () => globalLeader(world),
    explain: (each) => clientOf(plan.source).explain(each),
    clock,
  })
  const calibrations: Calibration[] = [await calibrate()]
  const over = new AbortController()
  const { result: spans, loopDelayP99Ms } = await withLoopDelay(async () => {
    const streaming = stream.run(over.signal, signal)
    const watching = watch.run(AbortSignal.any([over.signal, signal]))
    try {
      return await play({ options, plan, stream, watch })
    } finally {
      over.abort(new Error('measured'))
      await Promise.all([streaming, watching])
    }
  })
  calibrations.push(await calibrate())
  const [before, after] = calibrations.map(calibratedRttMs)
  if (before === undefined || after === undefined) throw new Error('assertion: calibrated twice')
  const rtt = (a: string, b: string) => (before(a, b) + after(a, b)) / 2

  const phaseOf = (phase: PhaseName, leader: string, client: string, measured: Measured | undefined): PhaseLine[] => {
    const figures = measured === undefined ? undefined : spanFigures(stream.asked, client, measured.span)
    const predictedMs = measured?.predictedMs
    if (figures === undefined || predictedMs === undefined) return []
    const within = Math.abs(figures.meanMs - predictedMs) <= predictionBoundMs(predictedMs)
    return [
      { kind: 'phase', topology, phase, leaderRegion: leader, clientRegion: client, predictedMs, ...figures, within },
    ]
  }
  const phases = [
    ...phaseOf('before', plan.leaderBefore, plan.source, spans.before),
    ...phaseOf('stranded', plan.leaderBefore, plan.target, spans.stranded),
    ...phaseOf('after', plan.leaderAfter, plan.target, spans.after),
  ]
  const moves = watch.moves
    .filter(({ arrivedMs }) => arrivedMs >= spans.shiftedMs)
    .map(({ source, target, leftMs, arrivedMs, reason }): MoveLine => {
      const span = { fromMs: leftMs - AROUND_MOVE_MS, untilMs: arrivedMs + AROUND_MOVE_MS }
      const largestGapMs = spanGapMs(stream.asked, span)
      const rttMs = rtt(source, target)
      return {
        kind: 'move',
        topology,
        source,
        target,
        afterShiftMs: arrivedMs - spans.shiftedMs,
        reason,
        largestGapMs,
        rttMs,
        gapRtts: largestGapMs / rttMs,
        slowestMs: spanFigures(stream.asked, plan.target, span)?.maxMs ?? 0,
      }
    })
  const failures = stream.asked.flatMap(({ region, failure }) =>
    failure === undefined ? [] : [`${region}: ${failure}`],
  )
  const still = { region: plan.leaderAfter, term: 0n }
  const rejected = rejectionOf({
    links: [...linksOfCell(plan.leaderBefore, ids), ...linksOfCell(plan.leaderAfter, ids)],
    rttBefore: before,
    rttAfter: after,
    // That the leader moves is what is measured.
    leaderBefore: still,
    leaderAfter: still,
    loopDelayP99Ms,
    failures: [],
  })
  const lines = [...phases, ...moves, ...shiftGoals({ phases, moves, failures, rejected })]
  if (rejected !== null) progress(`REJECTED: ${rejected}`)
  const run: RunHeader = {
    kind: 'run',
    topology,
    commit: options.commit,
    date: options.date,
    machine,
    parameters: {
      bench: 'leader-shift',
      ratePerS: options.ratePerS,
      phaseS: options.phaseMs / 1000,
      commits: stream.asked.length,
      openLoop: 'all commits',
      cooldownS: COOLDOWN_S,
      calibrationSamples: options.calibrationSamples,
      matrix: matrix.name,
      ...raftTimers(matrix),
      loadAverage: Math.round(100 * loadAverage) / 100,
      loopDelayP99Ms: Math.round(100 * loopDelayP99Ms) / 100,
      rejected,
      tookS: Math.round((clock.nowMs() - begunMs) / 1000),
    },
    regions: options.places,
    calibration: meanCalibration(calibrations),
  }
  return { run, lines }
}

interface Measured {
  readonly span: Span
  /** As it was explained in that phase, or, for what comes after a move, before it. */
  readonly predictedMs: number | undefined
}

interface Played {
  readonly before: Measured | undefined
  readonly stranded: Measured | undefined
  readonly after: Measured | undefined
  /** When another region began to ask. */
  readonly shiftedMs: number
}

interface PlayContext {
  readonly options: LeaderShiftOptions
  readonly plan: ReturnType<typeof shiftPlan>
  readonly stream: DemandStream
  readonly watch: LeaderWatch
}

async function play({ options, plan, stream, watch }: PlayContext): Promise<Played> {
  const { clock, phaseMs, signal, progress } = options
  const { source, target, leaderBefore, leaderAfter } = plan
  progress(`${source} asks; waiting for the leader to be in ${leaderBefore}`)
  if (!(await arrived(leaderBefore, options, watch))) {
    throw new MeridianError(
      'UNAVAILABLE',
      `the leader did not come to ${leaderBefore}: ${watch.explained?.reason ?? ''}`,
    )
  }
  await clock.sleep(WARM_UP_MS, signal)
  const begunMs = clock.nowMs()
  await clock.sleep(phaseMs, signal)
  const shiftedMs = clock.nowMs()
  const before = {
    span: { fromMs: begunMs, untilMs: shiftedMs },
    predictedMs: watch.explained?.expectedMs(leaderBefore, source),
  }

  progress(`${target} asks; waiting for the leader to move to ${leaderAfter}`)
  stream.region = target
  let promisedMs: number | undefined
  let strandedMs: number | undefined
  const moved = await arrived(leaderAfter, options, watch, () => {
    if (watch.leader === leaderAfter) return
    promisedMs = watch.explained?.expectedMs(leaderAfter, target) ?? promisedMs
    strandedMs = watch.explained?.expectedMs(leaderBefore, target) ?? strandedMs
  })
  const firstMove = watch.moves.find(({ arrivedMs }) => arrivedMs >= shiftedMs)
  const stranded = {
    span: { fromMs: shiftedMs, untilMs: (firstMove?.leftMs ?? clock.nowMs()) - AROUND_MOVE_MS },
    predictedMs: strandedMs,
  }
  if (!moved) {
    progress(`the leader stayed away: ${watch.explained?.reason ?? 'nobody says why'}`)
    return { before, stranded, after: undefined, shiftedMs }
  }
  await clock.sleep(AROUND_MOVE_MS, signal)
  const fromMs = clock.nowMs()
  await clock.sleep(phaseMs, signal)
  return { before, stranded, after: { span: { fromMs, untilMs: clock.nowMs() }, predictedMs: promisedMs }, shiftedMs }
}

/** @returns whether the leader was seen there in time */
async function arrived(
  place: string,
  { clock, signal }: LeaderShiftOptions,
  watch: LeaderWatch,
  onLook: () => void = () => {},
): Promise<boolean> {
  const untilMs = clock.nowMs() + ARRIVAL_MS_MAX
  while (watch.leader !== place) {
    if (clock.nowMs() > untilMs) return false
    onLook()
    await clock.sleep(POLL_MS, signal)
  }
  return true
}
