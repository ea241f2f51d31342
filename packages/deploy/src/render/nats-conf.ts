import { formatDuration } from '../duration.ts'
import { hostPort } from '../host.ts'
import type { Topology, TopologyRegion } from '../topology.ts'
import { LOOPBACK, natsName, ownHost, portsOf } from './layout.ts'

/** Where `source` dials the gateway of `target`, unless told otherwise. */
export const directGatewayUrl = (topology: Topology, target: TopologyRegion): string =>
  `nats://${hostPort(target.address, portsOf(topology, target).natsGateway)}`

export const ownGateway = (topology: Topology, region: TopologyRegion): string =>
  hostPort(region.address, portsOf(topology, region).natsGateway)

export const ownNatsUrl = (topology: Topology, region: TopologyRegion): string =>
  `nats://${hostPort(ownHost(region), portsOf(topology, region).natsClient)}`

/**
 * Where nobody ever listens: what a gateway advertises that must be dialled only as its peers' configurations say. A
 * loopback port is refused at once, on every machine; a name that resolves nowhere would cost a look-up, seconds where
 * there is no resolver, and be an address somewhere else where one answers for every name.
 */
export const NOWHERE = `${LOOPBACK}:1`

/**
 * One server per region, full mesh of gateways. After a reconnect a server dials what the other *advertised*, not what
 * its configuration names: `advertise` therefore is never left to a guess. JetStream is off: hints are not stored.
 *
 * @param advertise `host:port`; NOWHERE keeps every connection on the ways of `gatewayUrl`
 */
export function natsConf(
  header: string,
  topology: Topology,
  region: TopologyRegion,
  gatewayUrl: (target: TopologyRegion) => string,
  advertise: string,
): string {
  const ports = portsOf(topology, region)
  const { pingMs, pingsOutMax, payloadBytesMax } = topology.nats
  const gateways = topology.regions
    .filter((target) => target.id !== region.id && !target.witness)
    .map((target) => `    { name: "${target.id}", urls: ["${gatewayUrl(target)}"] }\n`)
  return `${header}server_name: "${natsName(region.id)}"
listen: "${hostPort(region.listen, ports.natsClient)}"
http: "${hostPort(LOOPBACK, ports.natsMonitor)}"
max_payload: ${payloadBytesMax}
# A black hole is noticed after ${formatDuration(pingMs * pingsOutMax)} to ${formatDuration(pingMs * (pingsOutMax + 1))}; the default is minutes.
ping_interval: "${formatDuration(pingMs)}"
ping_max: ${pingsOutMax}
gateway {
  name: "${region.id}"
  listen: "${hostPort(region.listen, ports.natsGateway)}"
  advertise: "${advertise}"
  reject_unknown_cluster: true
  gateways: [
${gateways.join('')}  ]
}
`
}
