import { basename, extname, join } from 'node:path'
import type { RegionPlace } from '@meridian/bench'
import type { WanMatrix } from '@meridian/lab'
import { MeridianError } from '@meridian/topology'
import { HOME } from '../paths.ts'
import { loadRoundTrips } from '../round-trips.ts'

/** Every region has a voter, and voters are odd in number; a cell per leader and client makes seven a long time. */
const COUNTS = [3, 5, 7]

/** How far apart the regions of a benchmark are, and what its results are named after. */
export interface Distances {
  readonly topology: string
  readonly matrix: WanMatrix
  readonly places: readonly RegionPlace[]
}

export interface DistanceOptions {
  /** `aws-3`: a matrix of `regions/wan` and how many of its regions. */
  readonly topology: string
  /** A file instead, all of whose regions take part. */
  readonly matrix?: string
  /** Of that file only these, comma-separated. */
  readonly regions?: string
}

/** @throws MeridianError INVALID_ARGUMENT, REGION_UNKNOWN, CONFIG_INVALID with line numbers */
export async function distances({ topology, matrix: file, regions }: DistanceOptions): Promise<Distances> {
  if (file !== undefined) {
    const whole = await loadRoundTrips(file)
    const chosen = regions === undefined ? whole : whole.only(regions.split(',').map((id) => id.trim()))
    return named(basename(file, extname(file)), chosen)
  }
  if (regions !== undefined) throw new MeridianError('INVALID_ARGUMENT', '--regions picks from a --matrix')
  const [, name, count] = /^([a-z][a-z0-9-]*)-([0-9]+)$/.exec(topology) ?? []
  if (name === undefined || count === undefined) {
    throw new MeridianError('INVALID_ARGUMENT', `--topology is like aws-3, not ${JSON.stringify(topology)}`)
  }
  const matrix = await loadRoundTrips(join(HOME, `regions/wan/${name}.yaml`))
  return named(name, matrix.first(Number(count)))
}

function named(name: string, matrix: WanMatrix): Distances {
  const count = matrix.regionIds.length
  if (!COUNTS.includes(count)) {
    throw new MeridianError(
      'INVALID_ARGUMENT',
      `${COUNTS.join(', ')} regions can be measured, each with a voter, not ${count}; --regions picks some of a --matrix`,
    )
  }
  const safe = name.toLowerCase().replace(/[^a-z0-9-]+/g, '-')
  return {
    topology: `${safe}-${count}`,
    matrix,
    places: matrix.regions.map(({ id, displayName, latitude = null, longitude = null }) => ({
      id,
      displayName,
      latitude,
      longitude,
    })),
  }
}
