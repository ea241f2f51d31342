import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { regionId } from '@meridian/topology'
import { isLoopback } from './host.ts'
import { checkPortsAfter } from './ports-after.ts'
import type { SupervisorEvent } from './process-spec.ts'
import { folderPortUses, loadRegionFolder } from './region-folder.ts'
import type { RegionFolder } from './region-folder.ts'
import { logFolder, regionProcesses } from './region-processes.ts'
import type { RegionBinaries } from './region-processes.ts'
import { render } from './render.ts'
import { checkRendered } from './rendered-folder.ts'
import { Supervisor } from './supervisor.ts'
import { loadTopology } from './topology-file.ts'
import { lockWorld, privateFolder } from './world-lock.ts'

export interface RegionUpOptions {
  /** `regions/`: the folder that has the region's folder, and perhaps `topology.yaml`. */
  readonly regionsDir: string
  readonly region: string
  /** Data, logs and lock of this region on this machine. */
  readonly dataDir: string
  readonly binaries: RegionBinaries
  readonly extraEnv?: Readonly<Record<string, string>>
  readonly onProgress?: (progress: RegionProgress) => void
  /** Aborts the start; what had been started is stopped before the rejection. */
  readonly signal?: AbortSignal
}

export type RegionProgress = SupervisorEvent | { readonly kind: 'note' | 'warning'; readonly text: string }

export interface RunningRegion extends AsyncDisposable {
  readonly folder: RegionFolder
  readonly supervisor: Supervisor
  /** Stops everything in order and lets go of the folder. Idempotent. */
  stop(): Promise<void>
}

/**
 * Runs what one region runs, from its rendered folder, on this machine. Other regions need not be there yet.
 *
 * @throws MeridianError REGION_UNKNOWN, CONFIG_INVALID, WORLD_IN_USE, PORT_IN_USE, TOOL_MISSING, UNAVAILABLE (a process
 * did not become ready; with the end of its log) or INTERRUPTED; nothing is left running.
 */
export async function regionUp(options: RegionUpOptions): Promise<RunningRegion> {
  const { regionsDir, dataDir, onProgress = () => {} } = options
  const note = (text: string) => onProgress({ kind: 'note', text })
  // An id has neither dots nor slashes, so what a person typed cannot lead out of the folder.
  const folder = await loadRegionFolder(join(regionsDir, regionId(options.region)))
  for (const text of await folderWarnings(regionsDir, options.region, folder)) onProgress({ kind: 'warning', text })

  await using started = new AsyncDisposableStack()
  const lock = started.use(await lockWorld(dataDir))
  await checkPortsAfter(lock.tookOverFrom, folderPortUses(folder), note)
  await privateFolder(logFolder(dataDir))
  const supervisor = started.use(new Supervisor({ onEvent: onProgress }))
  const { binaries, extraEnv } = options
  const specs = regionProcesses({ folder, dataDir, binaries, ...(extraEnv === undefined ? {} : { extraEnv }) })
  await supervisor.start(specs, options.signal)

  const owned = started.move()
  let stopped: Promise<void> | undefined
  const stop = () => (stopped ??= owned.disposeAsync())
  return { folder, supervisor, stop, [Symbol.asyncDispose]: stop }
}

async function folderWarnings(regionsDir: string, region: string, folder: RegionFolder): Promise<string[]> {
  const exposed = new Set(
    folderPortUses(folder)
      .map((use) => use.host)
      .filter((host) => !isLoopback(host)),
  )
  const texts = [...exposed].map((host) => `${region} listens on ${host}: reachable from the network, without TLS yet`)
  const source = join(regionsDir, 'topology.yaml')
  // A machine may have been given its region's folder alone.
  if (!existsSync(source)) return texts
  const { missing, differing, extra } = await checkRendered(regionsDir, render(await loadTopology(source)))
  const stale = [...missing, ...differing, ...extra].filter((path) => path.startsWith(`${region}/`))
  if (stale.length > 0)
    texts.push(`${stale.join(', ')} differ from what ${source} renders; run \`meridian region render\``)
  return texts
}
