import { MeridianError } from '@meridian/topology'

/**
 * The port plan. A region owns the hundred ports from `basePort + 100 * slot`:
 *
 * | offset      | listener                                     | bound to            |
 * |-------------|----------------------------------------------|---------------------|
 * | 0           | voter of G, clients                          | the region's listen |
 * | 1           | voter of G, peers                            | the region's listen |
 * | 2           | NATS, clients                                | the region's listen |
 * | 3           | NATS, gateway                                | the region's listen |
 * | 4           | NATS, monitoring                             | loopback, always    |
 * | 10, 12 .. 18| member 1 to 5 of E, clients                  | loopback, always    |
 * | 11, 13 .. 19| member 1 to 5 of E, peers                    | loopback, always    |
 * | 20 .. 27    | servers 1 to 8, API                          | the region's listen |
 * | 28 .. 35    | servers 1 to 8, metrics                      | loopback, always    |
 * | 40 .. 99    | nodes 1 to 60                                | the region's listen |
 *
 * Slots 0 to 15 are for regions; `basePort + 2000` to `basePort + 2999` is left to the WAN lab.
 */
export const PORTS_PER_REGION = 100
export const SLOTS_MAX = 16
export const ETCD_MEMBERS_MAX = 5
export const SERVERS_MAX = 8
export const NODES_MAX = 60
export const LAB_PORT_OFFSET = 2000
export const LAB_PORTS = 1000
export const BASE_PORT_MIN = 1024
export const BASE_PORT_MAX = 65_535 - LAB_PORT_OFFSET - LAB_PORTS

const OFFSET = { globalClient: 0, globalPeer: 1, natsClient: 2, natsGateway: 3, natsMonitor: 4 } as const
const MEMBER_OFFSET = 10
const SERVER_OFFSET = 20
const METRICS_OFFSET = 28
const NODE_OFFSET = 40

/** Every port of one region. Members, servers and nodes are counted from 1, as in their names. */
export interface RegionPorts {
  readonly globalClient: number
  readonly globalPeer: number
  readonly natsClient: number
  readonly natsGateway: number
  readonly natsMonitor: number
  memberClient(member: number): number
  memberPeer(member: number): number
  server(server: number): number
  metrics(server: number): number
  node(node: number): number
}

export function regionPorts(basePort: number, slot: number): RegionPorts {
  if (!Number.isInteger(slot) || slot < 0 || slot >= SLOTS_MAX) throw new Error(`assertion: slot ${slot}`)
  const first = basePort + slot * PORTS_PER_REGION
  const counted = (offset: number, step: number, ordinal: number, ordinalMax: number): number => {
    if (!Number.isInteger(ordinal) || ordinal < 1 || ordinal > ordinalMax) {
      throw new Error(`assertion: ordinal ${ordinal} of at most ${ordinalMax}`)
    }
    return first + offset + (ordinal - 1) * step
  }
  return {
    globalClient: first + OFFSET.globalClient,
    globalPeer: first + OFFSET.globalPeer,
    natsClient: first + OFFSET.natsClient,
    natsGateway: first + OFFSET.natsGateway,
    natsMonitor: first + OFFSET.natsMonitor,
    memberClient: (member) => counted(MEMBER_OFFSET, 2, member, ETCD_MEMBERS_MAX),
    memberPeer: (member) => counted(MEMBER_OFFSET + 1, 2, member, ETCD_MEMBERS_MAX),
    server: (server) => counted(SERVER_OFFSET, 1, server, SERVERS_MAX),
    metrics: (server) => counted(METRICS_OFFSET, 1, server, SERVERS_MAX),
    node: (node) => counted(NODE_OFFSET, 1, node, NODES_MAX),
  }
}

/** First of the ports that belong to the WAN lab of this world. */
export const labPortBase = (basePort: number): number => basePort + LAB_PORT_OFFSET

/** One listener: where it binds and what for, in words for a person whose port is taken. */
export interface PortUse {
  readonly host: string
  readonly port: number
  readonly what: string
}

/**
 * Refuses a list in which two listeners would meet on one port.
 *
 * @throws MeridianError CONFIG_INVALID naming every such pair.
 */
export function refuseOverlaps(uses: readonly PortUse[]): void {
  const first = new Map<number, PortUse>()
  const overlaps: string[] = []
  for (const use of uses) {
    const other = first.get(use.port)
    if (other === undefined) first.set(use.port, use)
    else overlaps.push(`port ${use.port} is wanted twice: ${other.what}; ${use.what}`)
  }
  if (overlaps.length > 0) throw new MeridianError('CONFIG_INVALID', overlaps.join('\n'))
}
