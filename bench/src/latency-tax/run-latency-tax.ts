import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { calibratedRttMs, startLab, startWorld, WanMatrix } from '@meridian/lab'
import type { Calibration, World, WorldBinaries, WorldProgress, WorldRegion } from '@meridian/lab'
import type { Clock } from '@meridian/loop'
import { floorWithout } from '@meridian/tax'
import type { RttLookup } from '@meridian/tax'
import { MeridianError } from '@meridian/topology'
import type { CellLine, RegionPlace, RunHeader } from '../report/report-input.ts'
import { directPortBase, proxiedPortBase, zeroLabPorts } from './bench-ports.ts'
import { BenchRig } from './bench-rig.ts'
import { meanCalibration, newestCalibration } from './calibrations.ts'
import { cellLines } from './cell-lines.ts'
import { machineFacts } from './machine-facts.ts'
import { measureCell } from './measure-cell.ts'
import type { CellMeans } from './measure-cell.ts'
import { measureSlots, readSamples } from './measure-slots.ts'
import { ONE_DOWN_RUNS, OPERATION_RUNS } from './operations.ts'
import type { OpenOwnershipClient } from './ownership-client.ts'
import { startScratchCluster } from './scratch-cluster.ts'
import type { ProcessHost } from './scratch-cluster.ts'
import { raftTimers, writeWorldFiles } from './world-files.ts'

export interface LatencyTaxRunOptions {
  /** Names the results: `aws-3`. */
  readonly topology: string
  /** All of its regions take part, each with a voter. */
  readonly matrix: WanMatrix
  /** The same regions, without coordinates where only round trips are known. */
  readonly places: readonly RegionPlace[]
  /** Samples of every run of every cell. */
  readonly samples: number
  /** Commits per second, over all kinds, sent whether or not earlier ones have been answered. */
  readonly ratePerS: number
  /** Samples per ordered pair of each calibration. */
  readonly calibrationSamples: number
  readonly basePort: number
  /** For worlds and throw-away clusters; nothing in it is kept but logs. */
  readonly dataDir: string
  readonly binaries: WorldBinaries
  readonly openClient: OpenOwnershipClient
  readonly isReady: (region: WorldRegion) => Promise<boolean>
  readonly openHost: () => ProcessHost
  /** The checkout that is measured. */
  readonly commit: string
  /** ISO 8601. */
  readonly date: string
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  readonly progress: (text: string) => void
  readonly onWorld?: (event: WorldProgress) => void
}

export interface LatencyTaxRun {
  readonly run: RunHeader
  readonly lines: readonly CellLine[]
}

const ETCD_MEMBERS = 3
/** Of every kind in every region, before the first cell: code is compiled and heaps are grown by then. */
const WARM_UP_SAMPLES = 50
/** A rejected cell is measured once more, of all cells so many at most: a busy machine does not get better by asking. */
const REPEATS_SHARE_MAX = 1 / 2

/**
 * What a control operation costs against the floor that distance sets, for every place of the global leader and every
 * client region, beside raw etcd in the same world, at 0 ms through the same proxies, and without proxies.
 *
 * The 0 ms run has a lab of its own: emptying the links of the world instead would change the Raft timers' world under
 * the very leader that is measured, cannot alternate with the delayed runs, and Toxiproxy may miss connections that
 * exist when a toxic comes back.
 *
 * Everything is stopped before this resolves or rejects.
 *
 * @throws MeridianError as `startWorld` does; CALIBRATION_FAILED on a machine too busy to measure; INTERRUPTED
 */
export async function runLatencyTax(options: LatencyTaxRunOptions): Promise<LatencyTaxRun> {
  const { topology, matrix, samples, ratePerS, clock, signal, progress, binaries } = options
  const begunMs = clock.nowMs()
  const [loadAverage = 0] = loadavg()
  const ids = matrix.regionIds
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  await using open = new AsyncDisposableStack()
  const scratch = await mkdtemp(join(options.dataDir, 'scratch-'))
  open.defer(() => rm(scratch, { recursive: true, force: true }))
  const files = await writeWorldFiles(scratch, matrix)

  const world = open.use(
    await startWorld({
      ...files,
      regions: ids.length,
      etcdMembers: ETCD_MEMBERS,
      basePort: options.basePort,
      dataDir: join(options.dataDir, 'world'),
      fresh: true,
      binaries,
      // Nothing here asks a data node; their processes would only take the processor away from what is measured.
      only: ['etcd', 'nats', 'server'],
      isReady: options.isReady,
      calibrationSamples: options.calibrationSamples,
      signal,
      ...(options.onWorld === undefined ? {} : { progress: options.onWorld }),
    }),
  )
  if (!world.calibration.ok) {
    throw new MeridianError('CALIBRATION_FAILED', 'the machine is too busy to measure anything on it')
  }
  progress('starting two raw clusters: without links, and over links of 0 ms')
  const zero = open.use(
    await startLab({
      regions: ids,
      matrix: withoutDistance(matrix),
      toxiproxyBinary: binaries.toxiproxy,
      ports: zeroLabPorts(options.basePort),
      logDir: join(scratch, 'zero-lab'),
    }),
  )
  const host = open.use(options.openHost())
  const cluster = { regions: ids, folder: scratch, etcd: binaries.etcd, ...raftTimers(matrix), host, signal }
  const [direct, proxied] = await Promise.all([
    startScratchCluster({ ...cluster, name: 'direct', portBase: directPortBase(options.basePort) }),
    startScratchCluster({ ...cluster, name: 'proxied', portBase: proxiedPortBase(options.basePort), lab: zero }),
  ])
  const rig = open.use(await BenchRig.open({ world, direct, proxied, openClient: options.openClient, clock }, signal))
  const machine = await machineFacts(scratch, await rig.etcdVersion(signal), clock)

  const means: CellMeans = {
    samples,
    periodMs: 1000 / ratePerS,
    clock,
    random: options.random,
    signal,
    leader: (each) => rig.leader(each),
    calibrate: () => world.lab.calibrate({ samples: options.calibrationSamples }),
    fsyncMs: machine.fsyncP50Ms,
  }
  progress('warming up')
  await Promise.all(ids.map((id) => measureSlots({ ...means, slots: rig.slotsIn(id), samples: WARM_UP_SAMPLES })))

  const lines: CellLine[] = []
  const calibrations: Calibration[] = [await means.calibrate()]
  let repeats = 0
  for (const leaderRegion of ids) {
    await rig.moveLeaders(leaderRegion, signal)
    for (const clientRegion of ids) {
      const plan = { topology, regions: ids, leaderRegion, clientRegion, down: [], slots: rig.slotsIn(clientRegion) }
      let { cell, after } = await measureCell(plan, means, newestCalibration(calibrations))
      calibrations.push(after)
      if (cell.rejected !== null && repeats < REPEATS_SHARE_MAX * ids.length ** 2) {
        repeats += 1
        progress(`leader ${leaderRegion}, client ${clientRegion}: measured again, because ${cell.rejected}`)
        // A leader that went away must be where the cell says.
        await rig.moveLeaders(leaderRegion, signal)
        ;({ cell, after } = await measureCell(plan, means, newestCalibration(calibrations)))
        calibrations.push(after)
      }
      const own = cellLines(cell, OPERATION_RUNS)
      lines.push(...own)
      progress(cellLine(own[0]))
    }
  }
  const oneDown = await measureOneDown({ options, world, rig, means, calibrations })
  lines.push(...oneDown.lines)

  const run: RunHeader = {
    kind: 'run',
    topology,
    commit: options.commit,
    date: options.date,
    machine,
    parameters: {
      samples,
      ratePerS,
      warmUpSamples: WARM_UP_SAMPLES,
      openLoop: 'commits',
      closedLoop: 'linearizable reads, local reads, regional changes',
      linearizableReadSamples: readSamples(samples),
      calibrationSamples: options.calibrationSamples,
      calibrations: calibrations.length,
      matrix: matrix.name,
      etcdMembers: ETCD_MEMBERS,
      ...raftTimers(matrix),
      cellsMeasuredAgain: repeats,
      oneDown: oneDown.down,
      // Of the minute before: what a machine does besides is in every figure.
      loadAverage: Math.round(100 * loadAverage) / 100,
      tookS: Math.round((clock.nowMs() - begunMs) / 1000),
    },
    regions: options.places,
    calibration: meanCalibration(calibrations),
  }
  return { run, lines }
}

interface OneDownContext {
  readonly options: LatencyTaxRunOptions
  readonly world: World
  readonly rig: BenchRig
  readonly means: CellMeans
  readonly calibrations: Calibration[]
}

/**
 * The cell in which a client beside its leader waits for the nearest other voter, while that voter is dead. A world of
 * three has two voters left then; everything is brought back afterwards.
 */
async function measureOneDown(
  context: OneDownContext,
): Promise<{ readonly lines: readonly CellLine[]; readonly down: string | null }> {
  const { options, world, rig, means, calibrations } = context
  const { matrix, signal, progress, topology } = options
  const ids = matrix.regionIds
  if (ids.length < 3) return { lines: [], down: null }
  const { leader, nearest } = nearestVoters(ids, calibratedRttMs(newestCalibration(calibrations)))
  const voter = world.regions.find(({ id }) => id === nearest)?.globalEtcd?.processName
  if (voter === undefined) throw new Error(`assertion: no voter in ${nearest}`)
  await rig.moveLeaders(leader, signal)
  progress(`killing the voter of ${nearest}, the nearest to the leader in ${leader}`)
  await world.kill(voter)
  try {
    const names = ['put direct', 'put proxied', 'put raw', 'assign']
    const plan = { topology, regions: ids, leaderRegion: leader, clientRegion: leader, down: [nearest] }
    const slots = rig.slotsIn(leader, names)
    const { cell, after } = await measureCell({ ...plan, slots }, means, newestCalibration(calibrations))
    calibrations.push(after)
    const lines = cellLines(cell, [ONE_DOWN_RUNS])
    progress(`without ${nearest}: ${cellLine(lines[0])}`)
    return { lines, down: nearest }
  } finally {
    await world.restart(voter)
  }
}

/** The leader whose majority is nearest, and the voter that makes it: its loss is felt most. */
export function nearestVoters(ids: readonly string[], rtt: RttLookup): { leader: string; nearest: string } {
  const costs = ids.flatMap((leader) =>
    ids
      .filter((nearest) => nearest !== leader)
      .flatMap((nearest) => {
        const wholeMs = floorWithout([], leader, leader, ids, rtt)
        const lessMs = floorWithout([nearest], leader, leader, ids, rtt)
        return wholeMs === undefined || lessMs === undefined ? [] : [{ leader, nearest, wholeMs, lessMs }]
      }),
  )
  const [first] = costs
    .filter(({ wholeMs, lessMs }) => lessMs > wholeMs)
    .toSorted((a, b) => a.wholeMs - b.wholeMs || b.lessMs - a.lessMs)
  const found = first ?? costs[0]
  if (found === undefined) throw new Error('assertion: no voter can be lost')
  return { leader: found.leader, nearest: found.nearest }
}

function withoutDistance(matrix: WanMatrix): WanMatrix {
  const ids = matrix.regionIds
  const pairs = ids.flatMap((a) => ids.filter((b) => a < b).map((b) => [`${a} ${b}`, 0] as const))
  return new WanMatrix(`${matrix.name}-0ms`, matrix.regions, new Map(pairs))
}

function cellLine(line: CellLine | undefined): string {
  if (line === undefined) return 'nothing was measured'
  const { leaderRegion, clientRegion, floorMs, rawP50Ms, oursP50Ms, rejected } = line
  const figures = `floor ${floorMs}, raw ${rawP50Ms}, ours ${oursP50Ms} ms`
  return `leader ${leaderRegion}, client ${clientRegion}: ${figures}${rejected === null ? '' : `; REJECTED: ${rejected}`}`
}
