import { REGION_SERVERS_MAX } from '@meridian/topology'
import type { NodeId, RegionId, ZoneId } from '@meridian/topology'
import { z } from 'zod'
import {
  displayNameField,
  hostPortField,
  httpEndpointField,
  listenField,
  natsEndpointField,
  nodeIdField,
  regionIdField,
  zoneIdField,
} from './config-fields.ts'
import { leaderField } from './leader-settings.ts'
import type { LeaderSettings } from './leader-settings.ts'
import { standstillComplaint, timingField } from './timing.ts'
import type { Timing } from './timing.ts'
import { readConfig } from './topology-file.ts'
import { parseYaml } from './yaml-document.ts'

/** What servers and nodes of one region are told: the parsed `meridian.yaml`. */
export interface ProcessConfig {
  readonly region: RegionId
  readonly displayName: string
  readonly zones: readonly ZoneId[]
  /** Client URLs of G's voters: the own region's first if it has one, then the others', in the order of the topology. */
  readonly global: { readonly endpoints: readonly string[] }
  /** Client URLs of the members of E. */
  readonly regional: { readonly endpoints: readonly string[] }
  readonly nats: { readonly servers: readonly string[] }
  /** Names that must resolve without a resolver inside this region: name to IP address. */
  readonly hosts: Readonly<Record<string, string>>
  /** Every region of the world with the addresses of its servers' API. Shared by all. */
  readonly regions: readonly RegionServers[]
  readonly servers: readonly ServerPlace[]
  readonly nodes: readonly NodePlace[]
  /** Shared by all. */
  readonly timing: Timing
  /** Whether regions go on while G is away, as long as every one promises to take nothing. Shared by all. */
  readonly standstill: boolean
  /** Shared by all. */
  readonly leader: LeaderSettings
}

export interface RegionServers {
  readonly id: RegionId
  readonly displayName: string
  /** `host:port` */
  readonly servers: readonly string[]
}

export interface ProcessPlace {
  readonly id: NodeId
  /** `ip:port` that is bound. */
  readonly listen: string
  /** `host:port` that others dial. */
  readonly advertise: string
}

export interface ServerPlace extends ProcessPlace {
  /** `ip:port` that answers `GET /metrics`: of loopback when rendered, since it asks nobody who they are. Without it there are none. */
  readonly metrics?: string | undefined
}

export interface NodePlace extends ProcessPlace {
  readonly zone: ZoneId
  readonly capacity: number
}

const place = { id: nodeIdField, listen: hostPortField, advertise: hostPortField }

const shared = z.strictObject({
  timing: timingField,
  standstill: z.boolean(),
  leader: leaderField,
  regions: z
    .array(
      z.strictObject({
        id: regionIdField,
        displayName: displayNameField,
        servers: z.array(hostPortField).max(REGION_SERVERS_MAX),
      }),
    )
    .min(1),
})

const local = z.strictObject({
  region: regionIdField,
  displayName: displayNameField,
  zones: z.array(zoneIdField).min(1),
  global: z.strictObject({ endpoints: z.array(httpEndpointField).min(1) }),
  regional: z.strictObject({ endpoints: z.array(httpEndpointField) }),
  nats: z.strictObject({ servers: z.array(natsEndpointField) }),
  hosts: z.record(z.string(), listenField),
  servers: z.array(z.strictObject({ ...place, metrics: hostPortField.optional() })),
  nodes: z.array(z.strictObject({ ...place, zone: zoneIdField, capacity: z.int().min(1).max(1000) })),
})

const schema = z.strictObject({ shared, local }).transform((file, context): ProcessConfig => {
  const refuse = (path: PropertyKey[], message: string) =>
    context.issues.push({ code: 'custom', message, path, input: file })
  const { region, zones, servers, nodes } = file.local
  if (!file.shared.regions.some((each) => each.id === region)) {
    refuse(['local', 'region'], `${region} is none of shared.regions`)
  }
  const complaint = file.shared.standstill ? standstillComplaint(file.shared.timing) : undefined
  if (complaint !== undefined) refuse(['shared', 'standstill'], complaint)
  nodes.forEach((node, i) => {
    if (!zones.includes(node.zone)) refuse(['local', 'nodes', i, 'zone'], `${node.zone} is none of zones`)
  })
  const seen = new Set<string>()
  for (const [list, places] of [['servers', servers] as const, ['nodes', nodes] as const]) {
    places.forEach(({ id }, i) => {
      if (seen.has(id)) refuse(['local', list, i, 'id'], `${id} is used twice`)
      seen.add(id)
    })
  }
  return { ...file.local, ...file.shared }
})

/** @throws MeridianError CONFIG_INVALID, one line `file:line:col path: message` per problem. */
export function parseProcessConfig(text: string, file: string): ProcessConfig {
  return parseYaml(schema, text, file)
}

/** @throws MeridianError CONFIG_INVALID, also when there is no such file. */
export async function loadProcessConfig(path: string): Promise<ProcessConfig> {
  return parseProcessConfig(await readConfig(path), path)
}
