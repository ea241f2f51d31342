import type { ClientOptions } from '@meridian/client'
import { MeridianError, regionId } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import type { GlobalOptions } from './global-options.ts'
import { readWorldFile, worldFilePath } from './world-file.ts'
import type { World, WorldRegion } from './world-file.ts'

/** Where a client stands and whom it asks from there. */
export interface Place {
  /** Region id, or the servers when these were named by hand. */
  readonly label: string
  readonly displayName: string
  /** Undefined when the servers were named by hand and the region was not. */
  readonly region: RegionId | undefined
  readonly servers: readonly string[]
  /** Empty: no bus is known; the map is listed instead of followed. */
  readonly nats: readonly string[]
  readonly dialling: NonNullable<ClientOptions['dialling']>
}

/**
 * The places there are, the one to work from first: of the servers named by hand, else of the world in the data folder.
 *
 * @throws MeridianError of `readWorldFile`; UNAVAILABLE when the world has ended; REGION_UNKNOWN
 */
export async function findPlaces(options: GlobalOptions): Promise<readonly [Place, ...Place[]]> {
  if (options.servers.length > 0) {
    const label = options.region ?? options.servers.join(', ')
    const region = options.region === undefined ? undefined : regionId(options.region)
    return [{ label, displayName: '', region, servers: options.servers, nats: options.nats, dialling: {} }]
  }
  const world = await readWorldFile(options.data)
  if (!isRunning(world.pid)) {
    const path = worldFilePath(options.data)
    throw new MeridianError(
      'UNAVAILABLE',
      `the world of ${path} has ended: process ${world.pid} is gone; start it again with: meridian up`,
      { details: { path, pid: String(world.pid) } },
    )
  }
  return placesOf(world, options)
}

export function placesOf(
  world: World,
  options: Pick<GlobalOptions, 'region' | 'nats' | 'data'>,
): readonly [Place, ...Place[]] {
  const { region, nats } = options
  const home = region === undefined ? world.regions[0] : world.regions.find(({ id }) => id === region)
  if (home === undefined) {
    const known = world.regions.map(({ id }) => id).join(', ')
    throw new MeridianError(
      'REGION_UNKNOWN',
      `no region ${region ?? ''} in the world of ${worldFilePath(options.data)}; it has: ${known}`,
    )
  }
  const first = placeOf(home)
  return [
    nats.length === 0 ? first : { ...first, nats },
    ...world.regions.filter((other) => other !== home).map(placeOf),
  ]
}

/** Where to work from: the first place or, unless a region was wished, one away from a region that may be lost. */
export function placeFor(
  places: readonly [Place, ...Place[]],
  { region: wished }: Pick<GlobalOptions, 'region'>,
  awayFrom: RegionId | undefined,
): Place {
  const [home] = places
  if (wished !== undefined || awayFrom === undefined) return home
  return places.find(({ label }) => label !== awayFrom) ?? home
}

function placeOf(region: WorldRegion): Place {
  return {
    label: region.id,
    displayName: region.displayName,
    region: regionId(region.id),
    servers: region.servers,
    nats: region.nats,
    dialling: { hosts: region.hosts, ...(region.proxy === null ? {} : { proxy: region.proxy }) },
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of another user is one we may not signal, but it is there.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
