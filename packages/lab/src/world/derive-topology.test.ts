import { fileURLToPath } from 'node:url'

import { LAB_PORTS, labPortBase, loadTopology, PORTS_PER_REGION, refuseOverlaps, render } from '@meridian/deploy'
import { describe, expect, test } from 'vitest'

import { deriveTopology, gatewayForwardUrl, labPorts, worldPortUses } from './derive-topology.ts'

const source = await loadTopology(fileURLToPath(new URL('../../../../regions/topology.yaml', import.meta.url)))
const three = deriveTopology(source, { regions: 3, etcdMembers: 1, basePort: 30_000 })
const ports = labPorts(three)
const files = render(three, { gatewayUrl: (from, to) => gatewayForwardUrl(ports, from, to) })

describe('the derived topology', () => {
  test('is that of the first regions, named on the WAN and bound to loopback whatever the file says', () => {
    const exposed = { ...source, regions: source.regions.map((region) => ({ ...region, listen: '0.0.0.0' })) }
    const world = deriveTopology(exposed, { regions: 3, etcdMembers: 3 })
    expect(world.regions.map(({ id, address, listen, etcdMembers }) => [id, address, listen, etcdMembers])).toEqual([
      ['us-east', 'us-east.wan.test', '127.0.0.1', 3],
      ['eu-west', 'eu-west.wan.test', '127.0.0.1', 3],
      ['ap-southeast', 'ap-southeast.wan.test', '127.0.0.1', 3],
    ])
    expect(world.basePort).toBe(source.basePort)
  })

  test.each([0, 2, 4, 6, 1.5])('a world of %d regions is refused', (regions) => {
    expect(() => deriveTopology(source, { regions, etcdMembers: 1 })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })

  test.each([80, 65_000, 3.5])('base port %d is refused', (basePort) => {
    expect(() => deriveTopology(source, { regions: 3, etcdMembers: 1, basePort })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    )
  })
})

describe('what is rendered of it', () => {
  test('peers of G are dialled by name and listen on loopback', () => {
    const env = files.get('eu-west/etcd-global.env')
    expect(env).toContain('ETCD_INITIAL_ADVERTISE_PEER_URLS=http://eu-west.wan.test:30101\n')
    expect(env).toContain('ETCD_LISTEN_PEER_URLS=http://127.0.0.1:30101\n')
    expect(env).toContain('us-east=http://us-east.wan.test:30001,')
  })

  test('NATS dials forwards of its own region and advertises where nobody listens', () => {
    const conf = files.get('us-east/nats.conf') ?? ''
    const urls = [...conf.matchAll(/urls: \["([^"]+)"\]/g)].map((match) => match[1])
    expect(urls).toEqual(
      ports.forwards
        .filter((forward) => forward.source === 'us-east')
        .map((forward) => `nats://127.0.0.1:${forward.listenPort}`),
    )
    expect(conf).toContain('advertise: "127.0.0.1:1"')
  })

  test('no listener but loopback, and nothing of another region by address', () => {
    for (const [path, content] of files) {
      expect(content, path).not.toContain('0.0.0.0')
      const dialled = [...content.matchAll(/127\.0\.0\.1:(\d+)/g)].map((match) => Number(match[1]))
      const slot = three.regions.findIndex((region) => path.startsWith(`${region.id}/`))
      const first = three.basePort + slot * PORTS_PER_REGION
      // Port 1 is where nobody listens: what gateways advertise.
      const foreign = dialled.filter((port) => port !== 1 && port < labPortBase(three.basePort))
      for (const port of foreign) expect(Math.floor((port - first) / PORTS_PER_REGION), `${path}: ${port}`).toBe(0)
    }
  })
})

test.each([
  [3, 1],
  [3, 3],
  [5, 1],
  [5, 3],
] as const)('%d regions with %d members: no port is wanted twice', (regions, etcdMembers) => {
  const world = deriveTopology(source, { regions, etcdMembers })
  const lab = labPorts(world)
  const uses = worldPortUses(world, lab)
  expect(() => refuseOverlaps(uses)).not.toThrow()
  expect(uses.every((use) => use.host === '127.0.0.1')).toBe(true)
  const labUses = uses.filter((use) => use.port >= labPortBase(world.basePort))
  expect(labUses).toHaveLength(1 + 2 * regions + 2 * regions * (regions - 1))
  expect(Math.max(...uses.map((use) => use.port))).toBeLessThan(labPortBase(world.basePort) + LAB_PORTS)
})

test('sixteen regions, the most there may be, still fit', () => {
  const [first] = source.regions
  if (first === undefined) throw new Error('a region')
  const regions = Array.from({ length: 16 }, (_, slot) => ({ ...first, id: `r${slot}` as typeof first.id, slot }))
  const world = { ...source, regions }
  const uses = worldPortUses(world, labPorts(world))
  expect(() => refuseOverlaps(uses)).not.toThrow()
  expect(Math.max(...uses.map((use) => use.port))).toBeLessThan(labPortBase(world.basePort) + LAB_PORTS)
})
