import { firstRegions, LAB_PORT_OFFSET, LAB_PORTS, labPortBase, regionPortUses, regionPorts } from '@meridian/deploy'
import type { PortUse, Topology } from '@meridian/deploy'
import { MeridianError } from '@meridian/topology'

import { PortPlan } from '../lab-ports.ts'
import type { LabPorts } from '../lab-ports.ts'
import { wanHost } from '../wan-name.ts'

export interface WorldShape {
  /** How many regions, from the first of the file on. */
  readonly regions: number
  /** Members of E in every region. */
  readonly etcdMembers: 1 | 3
  /** Default: the topology's. */
  readonly basePort?: number
}

const LOOPBACK = '127.0.0.1'
const BASE_PORT_MIN = 1024
const BASE_PORT_MAX = 65_535 - LAB_PORT_OFFSET - LAB_PORTS

/**
 * The topology as one machine runs it: regions dial each other by names of the emulated WAN and bind loopback, whatever the
 * file says, so that a world never listens to a network and never goes around a link.
 *
 * @throws MeridianError CONFIG_INVALID when those regions have no proper set of voters; INVALID_ARGUMENT for a base port
 * that leaves too few above it.
 */
export function deriveTopology(topology: Topology, shape: WorldShape): Topology {
  const { regions, etcdMembers, basePort = topology.basePort } = shape
  if (!Number.isInteger(basePort) || basePort < BASE_PORT_MIN || basePort > BASE_PORT_MAX) {
    throw new MeridianError('INVALID_ARGUMENT', `base port ${basePort}: must be ${BASE_PORT_MIN} to ${BASE_PORT_MAX}`)
  }
  const world = firstRegions(topology, regions)
  return {
    ...world,
    basePort,
    regions: world.regions.map((region) => ({
      ...region,
      address: wanHost(region.id),
      listen: LOOPBACK,
      etcdMembers,
    })),
  }
}

/**
 * Ports of the lab, from `labPortBase`: API of Toxiproxy 0, egresses 10 to 25, ingresses 30 to 45, links 100 to 339 (one
 * per ordered pair of at most 16 regions), forwards 400 to 639.
 */
const OFFSET = { toxiproxyApi: 0, egress: 10, ingress: 30, pair: 100, forward: 400 } as const

/** One forward per ordered pair of regions, to the target's NATS gateway: nats-server knows no proxy. */
export function labPorts(world: Topology): LabPorts {
  const base = labPortBase(world.basePort)
  const data = world.regions.filter((region) => !region.witness)
  const pairs = data.flatMap((source) => data.filter((to) => to !== source).map((target) => ({ source, target })))
  return {
    toxiproxyApi: base + OFFSET.toxiproxyApi,
    egressBase: base + OFFSET.egress,
    ingressBase: base + OFFSET.ingress,
    pairBase: base + OFFSET.pair,
    forwards: pairs.map(({ source, target }, index) => ({
      source: source.id,
      targetHost: wanHost(target.id),
      targetPort: regionPorts(world.basePort, target.slot).natsGateway,
      listenPort: base + OFFSET.forward + index,
      gatewayOnly: true,
    })),
  }
}

/** Where the nats-server of `source` dials the gateway of `target`. */
export function gatewayForwardUrl(ports: LabPorts, source: string, target: string): string {
  const forward = ports.forwards.find((each) => each.source === source && each.targetHost === wanHost(target))
  if (forward === undefined) throw new Error(`assertion: no forward from ${source} to ${target}`)
  return `nats://${LOOPBACK}:${forward.listenPort}`
}

/** Every listener of the world: those of all regions and those of the lab. */
export function worldPortUses(world: Topology, ports: LabPorts): PortUse[] {
  const plan = new PortPlan(
    world.regions.map((region) => region.id),
    ports,
  )
  return [
    ...world.regions.flatMap((region) => regionPortUses(world, region)),
    ...plan.all().map((use) => ({ ...use, host: LOOPBACK })),
  ]
}
