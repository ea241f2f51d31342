import { expect, it } from 'vitest'
import {
  BASE_PORT_MAX,
  ETCD_MEMBERS_MAX,
  LAB_PORTS,
  labPortBase,
  NODES_MAX,
  PORTS_PER_REGION,
  refuseOverlaps,
  regionPorts,
  SERVERS_MAX,
  SLOTS_MAX,
} from './ports.ts'

const everyPort = (basePort: number, slot: number): number[] => {
  const ports = regionPorts(basePort, slot)
  const counted = (count: number, of: (n: number) => number) => Array.from({ length: count }, (_, i) => of(i + 1))
  return [
    ports.globalClient,
    ports.globalPeer,
    ports.natsClient,
    ports.natsGateway,
    ports.natsMonitor,
    ...counted(ETCD_MEMBERS_MAX, (n) => ports.memberClient(n)),
    ...counted(ETCD_MEMBERS_MAX, (n) => ports.memberPeer(n)),
    ...counted(SERVERS_MAX, (n) => ports.server(n)),
    ...counted(SERVERS_MAX, (n) => ports.metrics(n)),
    ...counted(NODES_MAX, (n) => ports.node(n)),
  ]
}

it('has a place for everything at the largest world, and none twice', () => {
  const all = Array.from({ length: SLOTS_MAX }, (_, slot) => everyPort(24_000, slot)).flat()
  expect(new Set(all).size).toBe(all.length)
  expect(Math.max(...all)).toBeLessThan(labPortBase(24_000))
})

it('stays inside its region, and inside what a port can be', () => {
  for (const port of everyPort(24_000, 3)) expect(Math.floor(port / PORTS_PER_REGION)).toBe(243)
  expect(labPortBase(BASE_PORT_MAX) + LAB_PORTS).toBeLessThanOrEqual(65_535)
})

it('names both listeners of a port that is wanted twice', () => {
  const uses = [
    { host: '127.0.0.1', port: 1, what: 'this' },
    { host: '0.0.0.0', port: 1, what: 'that' },
  ]
  expect(() => refuseOverlaps(uses)).toThrow('port 1 is wanted twice: this; that')
})
