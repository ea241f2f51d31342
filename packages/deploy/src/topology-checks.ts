import { MeridianError } from '@meridian/topology'
import { isLoopback } from './host.ts'
import { leaderComplaint } from './leader-settings.ts'
import type { Topology, TopologyRegion } from './topology.ts'
import { SLOTS_MAX } from './ports.ts'
import type { Problem } from './yaml-document.ts'

const VOTERS_MIN = 3
/** Every commit waits for a majority; beyond seven voters that costs more than the survivable losses are worth. */
const VOTERS_MAX = 7

interface RawRegion {
  readonly id?: unknown
  readonly slot?: unknown
  readonly voter?: unknown
  readonly witness?: unknown
  readonly zones?: unknown
}

/**
 * What is wrong between the parts of a topology, each of which may be fine by itself. Takes the unparsed value and passes
 * over whatever has another shape: that is reported by the schema.
 */
export function topologyProblems(raw: unknown): Problem[] {
  const listed: unknown = isRecord(raw) ? raw['regions'] : undefined
  if (!Array.isArray(listed) || listed.length === 0) return []
  const regions: RawRegion[] = listed.map((region: unknown) => (isRecord(region) ? region : {}))
  return [
    ...repeated(regions, 'id', (region) => region.id),
    ...repeated(regions, 'slot', (region, position) => region.slot ?? position),
    ...regions.flatMap(repeatedZones),
    ...regions.flatMap((region, i) =>
      region.witness === true && region.voter === false
        ? [{ path: ['regions', i, 'witness'], message: 'a witness is a voter of G; "voter: false" leaves nothing' }]
        : [],
    ),
    ...(regions.every((region) => region.witness === true)
      ? [{ path: ['regions'], message: 'every region is a witness: nobody would hold data' }]
      : []),
    ...voterProblems(regions.filter((region) => region.voter !== false).length),
    ...leaderProblems(raw, regions),
  ]
}

function voterProblems(voters: number): Problem[] {
  const message = voterComplaint(voters)
  return message === undefined ? [] : [{ path: ['regions'], message }]
}

function leaderProblems(raw: unknown, regions: readonly RawRegion[]): Problem[] {
  const leader: unknown = isRecord(raw) ? raw['leader'] : undefined
  const asked: unknown = isRecord(leader) && leader['objective'] === 'fixed' ? leader['region'] : undefined
  if (typeof asked !== 'string') return []
  const voters = regions.flatMap(({ id, voter }) => (voter !== false && typeof id === 'string' ? [id] : []))
  const message = leaderComplaint(asked, voters)
  return message === undefined ? [] : [{ path: ['leader', 'region'], message }]
}

function voterComplaint(voters: number): string | undefined {
  if (voters === 2) {
    return (
      '2 voters of G: the loss of either would stop every change of ownership; add a third region, ' +
      'if only as a witness ("witness: true", a voter of G and nothing else)'
    )
  }
  if (voters < VOTERS_MIN)
    return `${voters} voters of G: at least ${VOTERS_MIN}, so that the loss of any one leaves a majority`
  if (voters % 2 === 0) {
    return `${voters} voters of G survive no more losses than ${voters - 1} and commit later; set "voter: false" for one region or add a witness`
  }
  if (voters > VOTERS_MAX) return `${voters} voters of G: at most ${VOTERS_MAX}; set "voter: false" for the others`
  return undefined
}

function repeated(
  regions: readonly RawRegion[],
  key: 'id' | 'slot',
  valueOf: (region: RawRegion, position: number) => unknown,
): Problem[] {
  const first = new Map<unknown, number>()
  return regions.flatMap((region, i) => {
    const value = valueOf(region, i)
    if (typeof value !== 'string' && typeof value !== 'number') return []
    const other = first.get(value)
    first.set(value, other ?? i)
    return other === undefined
      ? []
      : [{ path: ['regions', i, key], message: `${key} ${JSON.stringify(value)} is also that of regions[${other}]` }]
  })
}

function repeatedZones({ zones }: RawRegion, i: number): Problem[] {
  if (!Array.isArray(zones)) return []
  const names: unknown[] = zones
  return names.flatMap((zone, k) =>
    typeof zone === 'string' && names.indexOf(zone) < k
      ? [{ path: ['regions', i, 'zones', k], message: `zone ${JSON.stringify(zone)} is listed twice` }]
      : [],
  )
}

/**
 * The world of the first `count` regions. Their ports stay what they are.
 *
 * @throws MeridianError CONFIG_INVALID when that world has no proper set of voters.
 */
export function firstRegions(topology: Topology, count: number): Topology {
  if (!Number.isInteger(count) || count < 1 || count > topology.regions.length) {
    throw new MeridianError(
      'CONFIG_INVALID',
      `${count} regions of a topology of ${topology.regions.length} (at most ${SLOTS_MAX})`,
    )
  }
  const regions = topology.regions.slice(0, count)
  const complaint = voterComplaint(regions.filter((region) => region.voter).length)
  if (complaint !== undefined) throw new MeridianError('CONFIG_INVALID', complaint)
  const { objective } = topology.leader
  const unplaced =
    objective.kind === 'fixed'
      ? leaderComplaint(
          objective.region,
          regions.filter((region) => region.voter).map(({ id }) => id),
        )
      : undefined
  if (unplaced !== undefined) throw new MeridianError('CONFIG_INVALID', unplaced)
  return { ...topology, regions }
}

/** The region of that id. @throws MeridianError REGION_UNKNOWN naming those there are. */
export function regionOf(topology: Topology, id: string): TopologyRegion {
  const region = topology.regions.find((each) => each.id === id)
  if (region !== undefined) return region
  const known = topology.regions.map((each) => each.id).join(', ')
  throw new MeridianError('REGION_UNKNOWN', `no region ${JSON.stringify(id)}; there are: ${known}`)
}

/** What a valid topology still should be asked about, one sentence each. */
export function warnings(topology: Topology): string[] {
  const { regions } = topology
  const exposed = regions
    .filter((region) => !isLoopback(region.listen))
    .map((region) => `${region.id} listens on ${region.listen}: reachable from the network, without TLS yet`)
  // Names under .test never resolve: the lab routes them, and loopback is right there.
  const dialled = regions.filter((region) => !region.address.endsWith('.test'))
  const remote = dialled.find((region) => !isLoopback(region.address))
  const lost =
    remote === undefined
      ? []
      : dialled
          .filter((region) => isLoopback(region.address))
          .map((region) => `${region.id} is at ${region.address}, which ${remote.id} at ${remote.address} cannot dial`)
  const deaf = dialled
    .filter((region) => !isLoopback(region.address) && isLoopback(region.listen))
    .map((region) => `${region.id} is dialled at ${region.address} but listens on ${region.listen} only`)
  return [...exposed, ...lost, ...deaf]
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
