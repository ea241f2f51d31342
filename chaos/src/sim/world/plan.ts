import { DEFAULT_LEADER_SETTINGS, DEFAULT_TIMING } from '@meridian/deploy'
import type { ProcessConfig, Timing } from '@meridian/deploy'
import { keyOfText, keyspaceName, nodeId, regionId, zoneId } from '@meridian/topology'
import type { Key } from '@meridian/topology'
import { REGIONS } from '../net/geography.ts'

/** How large a world is and how long it lives. Times are virtual, ms. */
export interface Profile {
  readonly name: string
  readonly regions: number
  readonly serversPerRegion: number
  readonly nodesPerRegion: number
  readonly shardsPerRange: number
  /** Regions that follow each range. */
  readonly standbys: number
  /** Whether regions stand still while G is away; undefined: as the seed says. */
  readonly standstill?: boolean
  /** Workers of the client of each region; each does one request after the other. */
  readonly workersPerRegion: number
  readonly keysPerRange: number
  /** Mean pause between two requests of a worker. */
  readonly pauseMs: number
  /** Mean pause between two changes of metadata by the operator of a region. */
  readonly operatorPauseMs: number
  /** Of those changes, planned transfers of ranges with data. */
  readonly transferShare: number
  /** How long faults come and go, after the world is up. */
  readonly faultyMs: number
  /** How long the healed world goes on before it is asked for its final state. */
  readonly healedMs: number
}

export const PROFILES: Readonly<Record<'small' | 'large', Profile>> = {
  small: {
    name: 'small',
    regions: 3,
    serversPerRegion: 1,
    nodesPerRegion: 3,
    shardsPerRange: 2,
    standbys: 1,
    workersPerRegion: 2,
    keysPerRange: 6,
    pauseMs: 250,
    operatorPauseMs: 1500,
    transferShare: 0.1,
    faultyMs: 45_000,
    healedMs: 25_000,
  },
  large: {
    name: 'large',
    regions: 5,
    serversPerRegion: 2,
    nodesPerRegion: 3,
    shardsPerRange: 4,
    standbys: 2,
    workersPerRegion: 3,
    keysPerRange: 12,
    pauseMs: 200,
    operatorPauseMs: 1500,
    transferShare: 0.1,
    faultyMs: 150_000,
    healedMs: 40_000,
  },
}

export const KEYSPACE = keyspaceName('sim')

export interface RegionPlan {
  readonly region: string
  readonly config: ProcessConfig
  readonly servers: readonly string[]
  readonly nodes: readonly string[]
  readonly client: string
}

export const addressOf = (name: string): string => `${name}:7000`

export interface WorldSettings {
  /** In place of the default. */
  readonly timing?: Partial<Timing>
  /** Whether regions may stand still while G is away. */
  readonly standstill?: boolean
}

export function regionsOf(profile: Profile, { timing = {}, standstill = false }: WorldSettings = {}): RegionPlan[] {
  const { regions, serversPerRegion, nodesPerRegion } = profile
  const names = REGIONS.slice(0, regions)
  const counted = (region: string, letter: string, count: number): string[] =>
    Array.from({ length: count }, (_, at) => `${region}-${letter}${at + 1}`)
  const all = names.map((region) => ({
    id: regionId(region),
    displayName: region,
    servers: counted(region, 's', serversPerRegion).map(addressOf),
  }))
  return names.map((region) => {
    const servers = counted(region, 's', serversPerRegion)
    const nodes = counted(region, 'n', nodesPerRegion)
    const zones = ['a', 'b', 'c'].map((zone) => zoneId(`${region}-${zone}`))
    const place = (id: string) => ({ id: nodeId(id), listen: addressOf(id), advertise: addressOf(id) })
    const config: ProcessConfig = {
      region: regionId(region),
      displayName: region,
      zones,
      global: { endpoints: ['g'] },
      regional: { endpoints: [region] },
      nats: { servers: ['nats'] },
      hosts: {},
      regions: all,
      servers: servers.map(place),
      nodes: nodes.map((id, at) => ({ ...place(id), zone: zones[at % zones.length] ?? zoneId('a'), capacity: 100 })),
      timing: { ...DEFAULT_TIMING, ...timing },
      standstill,
      leader: DEFAULT_LEADER_SETTINGS,
    }
    return { region, config, servers, nodes, client: `${region}-c1` }
  })
}

/** Where the range of each region begins, and its shards; the first range begins at the empty key. */
export function boundsOf(profile: Profile, at: number): { readonly start: Key; readonly shards: readonly Key[] } {
  const start = at === 0 ? keyOfText('') : keyOfText(`r${at}`)
  const shards = Array.from({ length: profile.shardsPerRange - 1 }, (_, shard) => keyOfText(`r${at}/${shard + 1}`))
  return { start, shards }
}

/** Keys that are written to and read, of every range and shard. */
export function keysOf(profile: Profile): Key[] {
  return Array.from({ length: profile.regions }, (_, range) =>
    Array.from({ length: profile.keysPerRange }, (__, key) =>
      keyOfText(`r${range}/${key % profile.shardsPerRange}/k${key}`),
    ),
  ).flat()
}
