import { setTimeout as delay } from 'node:timers/promises'
import { join, resolve } from 'node:path'

import {
  checkPortsAfter,
  loadRegionFolder,
  loadTopology,
  lockWorld,
  logFolder,
  privateFolder,
  render,
  Supervisor,
  writeRendered,
} from '@meridian/deploy'
import type { ExitPolicy, RegionFolder, SupervisorEvent, Topology } from '@meridian/deploy'
import { systemClock } from '@meridian/loop'
import { isMeridianError, MeridianError } from '@meridian/topology'

import { startLab } from '../lab.ts'
import type { Lab } from '../lab.ts'
import { loadWanMatrix } from '../wan-matrix.ts'
import { deriveTopology, gatewayForwardUrl, labPorts, worldPortUses } from './derive-topology.ts'
import type { WorldShape } from './derive-topology.ts'
import { etcdStatuses, leaderAmong } from './etcd-leader.ts'
import { globalLeader } from './global-leader.ts'
import { calibrated, canaries, interruptible } from './links-check.ts'
import { Steps } from './progress.ts'
import type { WorldProgress } from './progress.ts'
import { ExitListeners, RunningWorld } from './running-world.ts'
import { stopInOrder } from './stop-in-order.ts'
import { removeWorldFile, writeWorldFile } from './world-file.ts'
import { prepareFolder, refuseForeignFolder, worldPaths } from './world-folder.ts'
import { worldProcesses } from './world-processes.ts'
import type { ProcessKind, WorldProcessSpec } from './world-processes.ts'
import { worldRegion } from './world-region.ts'
import type { World, WorldRegion } from './world.ts'

export interface WorldBinaries {
  readonly etcd: string
  readonly natsServer: string
  readonly toxiproxy: string
  readonly node: string
  /** The program that has the commands `server` and `node`. */
  readonly main: string
}

export interface WorldOptions extends WorldShape {
  /** `regions/topology.yaml` */
  readonly topologyFile: string
  /** `regions/wan/aws.yaml` */
  readonly matrixFile: string
  /** Empty, missing, or that of an earlier world of the same shape. */
  readonly dataDir: string
  /** Empties `dataDir` first, if it is a world's. */
  readonly fresh: boolean
  readonly binaries: WorldBinaries
  /** What becomes of a node that exits unasked; everything else is started again. Default `restart`. */
  readonly nodeRestart?: ExitPolicy
  /** Kinds of processes to start, for a world without the others. Default: all. */
  readonly only?: readonly ProcessKind[]
  /** Samples per ordered pair of the calibration. */
  readonly calibrationSamples?: number
  /** Asked again and again until true, for each region, after all processes are ready; one that throws says "not yet". */
  readonly isReady?: (region: WorldRegion) => Promise<boolean>
  readonly progress?: (event: WorldProgress) => void
  /** Aborts the start; what had been started is stopped before the rejection. */
  readonly signal?: AbortSignal
}

const LEADER_MS_MAX = 60_000
const READY_MS_MAX = 60_000
const POLL_MS = 100

/**
 * Runs a world on this machine: all regions, and between them links that are measured and proven to hold before anything
 * uses them. Everything listens on loopback.
 *
 * @throws MeridianError INVALID_ARGUMENT, CONFIG_INVALID, REGION_UNKNOWN, WORLD_IN_USE, PORT_IN_USE (naming every port),
 * TOOL_MISSING, CALIBRATION_FAILED, LINK_LEAK, UNAVAILABLE (a process did not become ready; with the end of its log) or
 * INTERRUPTED; nothing is left running.
 */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { progress = () => {}, signal = new AbortController().signal } = options
  const dataDir = resolve(options.dataDir)
  const paths = worldPaths(dataDir)
  const steps = new Steps(progress, () => systemClock.nowMs())
  const note = (text: string) => steps.note(text)
  const unlessAborted = () => {
    if (signal.aborted) throw new MeridianError('INTERRUPTED', 'interrupted while the world was starting')
  }

  const topology = deriveTopology(await loadTopology(options.topologyFile), options)
  const matrix = await loadWanMatrix(options.matrixFile)
  // A region without round trips is refused before anything is touched.
  const ids = topology.regions.map((region) => matrix.region(region.id).id)
  const ports = labPorts(topology)
  await using started = new AsyncDisposableStack()

  const lock = await steps.step('folder', `data folder ${dataDir}`, async () => {
    await refuseForeignFolder(dataDir)
    const taken = started.use(await lockWorld(dataDir))
    // Of a predecessor that was killed: until this world runs there is none to dial.
    await removeWorldFile(dataDir)
    const state = await prepareFolder(dataDir, topology, options.fresh)
    return { result: taken, text: state === 'new' ? 'empty' : 'data of an earlier run is kept' }
  })

  await steps.step('ports', 'ports', async () => {
    const uses = worldPortUses(topology, ports)
    await checkPortsAfter(lock.tookOverFrom, uses, note)
    return { result: undefined, text: `${uses.length} are free, from ${topology.basePort}` }
  })
  unlessAborted()

  const folders = await steps.step('render', 'configuration of the regions', async () => {
    await writeRendered(
      paths.regions,
      render(topology, { gatewayUrl: (source, target) => gatewayForwardUrl(ports, source, target) }),
    )
    const loaded = new Map<string, RegionFolder>()
    for (const id of ids) {
      loaded.set(id, await loadRegionFolder(join(paths.regions, id)))
      await privateFolder(paths.state(id))
      await privateFolder(logFolder(paths.state(id)))
    }
    return { result: loaded, text: paths.regions }
  })
  unlessAborted()

  const lab = await steps.step('wan', 'the WAN', async () => {
    const toxiproxyBinary = options.binaries.toxiproxy
    // Not raced with the signal: what it starts must be known before it can be ended.
    const running = started.use(await startLab({ regions: ids, matrix, ports, logDir: paths.wan, toxiproxyBinary }))
    return { result: running, text: `${ids.length * (ids.length - 1)} links` }
  })

  const calibration = await steps.step('calibrate', 'measuring every link', async () => {
    const { calibrationSamples: samples } = options
    const result = await calibrated(lab, { ...(samples === undefined ? {} : { samples }), signal, note })
    progress({ kind: 'calibrated', calibration: result })
    return { result, text: `${result.rows.length} ordered pairs are within 2 ms + 2 %` }
  })

  await steps.step('canary', 'proving that cuts hold', async () => {
    const reports = await canaries(lab, { signal, report: (report) => progress({ kind: 'canary', report }) })
    return { result: undefined, text: `nothing crossed ${reports.length} cut pairs, all healed` }
  })

  const exits = new ExitListeners()
  const onEvent = (event: SupervisorEvent) => {
    progress({ kind: 'process', event })
    exits.hear(event)
  }
  const regions = topology.regions.map((region) =>
    worldRegion(region, matched(folders, region.id), lab.egressUrl(region.id)),
  )
  const processes = allProcesses(options, topology, folders, lab, dataDir)
  const supervisor = started.use(new Supervisor({ onEvent }))
  started.defer(() => stopInOrder(supervisor, processes, () => etcdLeaders(regions)))
  await steps.step('regions', 'starting the regions side by side', async () => {
    await startSideBySide(supervisor, processes, signal)
    return { result: undefined, text: `${processes.length} processes` }
  })

  if (processes.some((each) => each.kind === 'etcd')) {
    await steps.step('leader', 'waiting for the global tier to elect', async () => {
      const leader = await until('the global tier has no leader', LEADER_MS_MAX, signal, () =>
        globalLeader({ regions }),
      )
      return { result: undefined, text: `${leader} leads` }
    })
  }
  const { isReady } = options
  if (isReady !== undefined) {
    await steps.step('ready', 'waiting for the regions to serve', async () => {
      await Promise.all(
        regions.map((region) =>
          until(`${region.id} does not serve`, READY_MS_MAX, signal, async () => (await isReady(region)) || undefined),
        ),
      )
      return { result: undefined, text: 'all regions serve' }
    })
  }
  started.use(await writeWorldFile(dataDir, regions))
  unlessAborted()
  const owned = started.move()
  return new RunningWorld({ regions, lab, calibration, matrix, dataDir, supervisor, processes, exits, owned })
}

function allProcesses(
  options: WorldOptions,
  topology: Topology,
  folders: ReadonlyMap<string, RegionFolder>,
  lab: Lab,
  dataDir: string,
): WorldProcessSpec[] {
  const { binaries, nodeRestart = 'restart', only } = options
  const { state } = worldPaths(dataDir)
  return topology.regions
    .flatMap(({ id: region }) =>
      worldProcesses({
        region,
        folder: matched(folders, region),
        stateDir: state(region),
        binaries,
        lab,
        nodeExit: nodeRestart,
      }),
    )
    .filter((each) => only === undefined || only.includes(each.kind))
}

/** Names of the processes that lead G or some E. */
async function etcdLeaders(regions: readonly WorldRegion[]): Promise<ReadonlySet<string>> {
  const voters = regions.flatMap(({ globalEtcd }) => (globalEtcd === undefined ? [] : [globalEtcd]))
  const leaders = [voters, ...regions.map((region) => region.regionEtcd)].map(async (cluster) => {
    const members = cluster.map(({ processName, clientUrl }) => ({ name: processName, clientUrl }))
    try {
      return [leaderAmong(await etcdStatuses(members), members.length).name]
    } catch {
      // No leader, nobody who would wait to hand over.
      return []
    }
  })
  return new Set((await Promise.all(leaders)).flat())
}

/** The first failure ends the other regions' starts; all have ended when this rejects. */
async function startSideBySide(
  supervisor: Supervisor,
  processes: readonly WorldProcessSpec[],
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  let first: unknown
  const regions = [...new Set(processes.map((each) => each.region))]
  const starts = regions.map(async (region) => {
    try {
      await supervisor.start(
        processes.filter((each) => each.region === region).map((each) => each.spec),
        either,
      )
    } catch (error) {
      first ??= error
      failed.abort()
    }
  })
  await Promise.all(starts)
  if (first !== undefined) throw first
}

async function until<T>(
  what: string,
  timeoutMs: number,
  signal: AbortSignal,
  probe: () => Promise<T | undefined>,
): Promise<T> {
  const begunMs = systemClock.nowMs()
  let last: unknown
  while (systemClock.nowMs() - begunMs < timeoutMs) {
    try {
      const answer = await interruptible(probe(), signal)
      if (answer !== undefined) return answer
    } catch (error) {
      if (isMeridianError(error, 'INTERRUPTED')) throw error
      last = error
    }
    await delay(POLL_MS)
  }
  const why = last instanceof Error ? `: ${last.message}` : ''
  throw new MeridianError('UNAVAILABLE', `${what} after ${timeoutMs} ms${why}`, { cause: last })
}

function matched(folders: ReadonlyMap<string, RegionFolder>, region: string): RegionFolder {
  const folder = folders.get(region)
  if (folder === undefined) throw new Error(`assertion: no folder of ${region}`)
  return folder
}
