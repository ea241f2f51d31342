import { dialHost } from '../host.ts'
import { regionPorts } from '../ports.ts'
import type { PortUse, RegionPorts } from '../ports.ts'
import type { Topology, TopologyRegion } from '../topology.ts'

/** Names of the processes of a region; also those of their log files and data folders. Unique over the world. */
export const globalVoterName = (region: string): string => `${region}-etcd-global`
export const regionMemberName = (region: string, member: number): string => `${region}-etcd-${member}`
export const natsName = (region: string): string => `${region}-nats`
export const serverName = (region: string, server: number): string => `${region}-s${server}`
export const nodeName = (region: string, node: number): string => `${region}-n${node}`

/** E's members, the monitoring of NATS and the servers' metrics serve this machine only. */
export const LOOPBACK = '127.0.0.1'

export const portsOf = (topology: Topology, region: TopologyRegion): RegionPorts =>
  regionPorts(topology.basePort, region.slot)

/** `[1, 2 .. count]` */
export const countedFrom1 = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1)

/** Every listener of one region. */
export function regionPortUses(topology: Topology, region: TopologyRegion): PortUse[] {
  const ports = portsOf(topology, region)
  const of = (what: string) => `${what} of ${region.id}`
  const voter: PortUse[] = [
    { host: region.listen, port: ports.globalClient, what: of('global etcd, clients,') },
    { host: region.listen, port: ports.globalPeer, what: of('global etcd, peers,') },
  ]
  if (region.witness) return voter
  return [
    ...(region.voter ? voter : []),
    ...countedFrom1(region.etcdMembers).flatMap((member) => [
      { host: LOOPBACK, port: ports.memberClient(member), what: of(`regional etcd ${member}, clients,`) },
      { host: LOOPBACK, port: ports.memberPeer(member), what: of(`regional etcd ${member}, peers,`) },
    ]),
    { host: region.listen, port: ports.natsClient, what: of('NATS, clients,') },
    { host: region.listen, port: ports.natsGateway, what: of('NATS, gateway,') },
    { host: LOOPBACK, port: ports.natsMonitor, what: of('NATS, monitoring,') },
    ...countedFrom1(region.servers).flatMap((server) => [
      { host: region.listen, port: ports.server(server), what: of(`server ${serverName(region.id, server)}`) },
      { host: LOOPBACK, port: ports.metrics(server), what: of(`server ${serverName(region.id, server)}, metrics,`) },
    ]),
    ...countedFrom1(region.nodes).map((node) => ({
      host: region.listen,
      port: ports.node(node),
      what: of(`node ${nodeName(region.id, node)}`),
    })),
  ]
}

/** Host on which the region's own processes dial what listens on `region.listen`. */
export const ownHost = (region: TopologyRegion): string => dialHost(region.listen)
