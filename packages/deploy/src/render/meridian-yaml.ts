import { isIP } from 'node:net'
import { stringify } from 'yaml'
import { formatDuration } from '../duration.ts'
import { hostPort } from '../host.ts'
import { leaderYaml } from '../leader-settings.ts'
import type { Topology, TopologyRegion } from '../topology.ts'
import { memberUrls, ownVoterUrl, voterUrl } from './etcd-env.ts'
import { countedFrom1, LOOPBACK, nodeName, ownHost, portsOf, serverName } from './layout.ts'
import { ownNatsUrl } from './nats-conf.ts'

/** The configuration of a region's servers and nodes; `process-config.ts` reads it back. */
export function meridianYaml(header: string, topology: Topology, region: TopologyRegion): string {
  const text = (value: unknown): string => stringify(value, { lineWidth: 0, aliasDuplicateObjects: false })
  return [
    header,
    '# What all processes of the world must agree on.\n',
    text({ shared: sharedPart(topology) }),
    '\n# What is said to this region alone.\n',
    text({ local: localPart(topology, region) }),
  ].join('')
}

function sharedPart(topology: Topology): object {
  const { timing, standstill } = topology
  return {
    timing: {
      regionLease: formatDuration(timing.regionLeaseMs),
      regionRenew: formatDuration(timing.regionRenewMs),
      nodeLease: formatDuration(timing.nodeLeaseMs),
      nodeRenew: formatDuration(timing.nodeRenewMs),
      nodeWait: formatDuration(timing.nodeWaitMs),
      electionTtl: formatDuration(timing.electionTtlMs),
      maxClockOffset: formatDuration(timing.maxClockOffsetMs),
    },
    standstill,
    leader: leaderYaml(topology.leader),
    regions: topology.regions
      .filter((region) => !region.witness)
      .map((region) => ({
        id: region.id,
        displayName: region.displayName,
        servers: serverPlaces(topology, region).map((server) => server.advertise),
      })),
  }
}

function localPart(topology: Topology, region: TopologyRegion): object {
  const others = topology.regions.filter((each) => each.voter && each.id !== region.id)
  const ports = portsOf(topology, region)
  return {
    region: region.id,
    displayName: region.displayName,
    zones: region.zones,
    global: {
      endpoints: [
        ...(region.voter ? [ownVoterUrl(topology, region)] : []),
        ...others.map((other) => voterUrl(topology, other)),
      ],
    },
    regional: { endpoints: memberUrls(topology, region) },
    nats: { servers: [ownNatsUrl(topology, region)] },
    hosts: isIP(region.address) === 0 ? { [region.address]: ownHost(region) } : {},
    servers: serverPlaces(topology, region),
    nodes: countedFrom1(region.nodes).map((node) => ({
      id: nodeName(region.id, node),
      zone: region.zones[(node - 1) % region.zones.length],
      listen: hostPort(region.listen, ports.node(node)),
      advertise: hostPort(region.address, ports.node(node)),
      capacity: region.nodeCapacity,
    })),
  }
}

function serverPlaces(topology: Topology, region: TopologyRegion) {
  const ports = portsOf(topology, region)
  return countedFrom1(region.servers).map((server) => ({
    id: serverName(region.id, server),
    listen: hostPort(region.listen, ports.server(server)),
    advertise: hostPort(region.address, ports.server(server)),
    metrics: hostPort(LOOPBACK, ports.metrics(server)),
  }))
}
