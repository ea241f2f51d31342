import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { refuseOverlaps } from './ports.ts'
import { parseProcessConfig } from './process-config.ts'
import { folderPortUses, loadRegionFolder } from './region-folder.ts'
import { render } from './render.ts'
import { regionPortUses } from './render/layout.ts'
import { checkRendered, writeRendered } from './rendered-folder.ts'
import { loadTopology } from './topology-file.ts'
import type { Topology, TopologyRegion } from './topology.ts'

const REGIONS = dirname(fileURLToPath(new URL('../../../regions/topology.yaml', import.meta.url)))
const committed = await loadTopology(join(REGIONS, 'topology.yaml'))

const withRegions = (change: (region: TopologyRegion, i: number) => Partial<TopologyRegion>): Topology => ({
  ...committed,
  regions: committed.regions.map((region, i) => ({ ...region, ...change(region, i) })),
})

const fileOf = (files: ReadonlyMap<string, string>, path: string): string => {
  const content = files.get(path)
  if (content === undefined) throw new Error(`no ${path} among ${[...files.keys()].join(', ')}`)
  return content
}

const configOf = (files: ReadonlyMap<string, string>, region: string) =>
  parseProcessConfig(fileOf(files, `${region}/meridian.yaml`), 'm.yaml')

describe('the committed region folders', () => {
  it('are what the topology renders', async () => {
    expect(await checkRendered(REGIONS, render(committed))).toEqual({ missing: [], differing: [], extra: [] })
  })

  it('name the same listeners as the port plan', async () => {
    for (const region of committed.regions) {
      const folder = folderPortUses(await loadRegionFolder(join(REGIONS, region.id)))
      const ports = (uses: readonly { host: string; port: number }[]) =>
        uses.map((use) => `${use.host}:${use.port}`).sort()
      expect(ports(folder)).toEqual(ports(regionPortUses(committed, region)))
    }
  })

  it('share no port', () => {
    refuseOverlaps(committed.regions.flatMap((region) => regionPortUses(committed, region)))
  })
})

describe('a rendering', () => {
  it('is the same every time and says where it came from', () => {
    const files = render(committed)
    expect([...render(committed)]).toEqual([...files])
    for (const content of files.values())
      expect(content).toMatch(/^# Rendered from regions\/topology\.yaml by `meridian region render`/)
  })

  it.each([{ kind: 'mean' as const }, { kind: 'fixed' as const, region: 'eu-west' }])(
    'tells every region the same of the place of the leader: $kind',
    (objective) => {
      const leader = { objective, hysteresisShare: 0.25, hysteresisMs: 7, holdMs: 45_000, cooldownMs: 600_000 }
      const files = render({ ...committed, leader })
      for (const { id } of committed.regions) expect(configOf(files, id).leader).toEqual(leader)
    },
  )

  it.each([true, false])('tells every region whether all stand still: %s', (standstill) => {
    const files = render({ ...committed, standstill })
    for (const { id } of committed.regions) expect(configOf(files, id).standstill).toBe(standstill)
  })

  it('is refused by the loader when its lease leaves no time to stand still', () => {
    const timing = { ...committed.timing, regionLeaseMs: 6000 }
    const files = render({ ...committed, standstill: true, timing })
    expect(() => configOf(files, 'eu-west')).toThrow('shared.standstill: a lease of 6s renewed every 2s')
  })

  it('is read back by the loader of processes', () => {
    const config = configOf(render(committed), 'eu-west')
    expect(config).toMatchObject({ region: 'eu-west', timing: committed.timing, hosts: {} })
    expect(config.global.endpoints).toEqual(
      [100, 0, 200, 300, 400].map((offset) => `http://127.0.0.1:${24_000 + offset}`),
    )
    expect(config.nodes.map((node) => [node.id, node.zone, node.listen])).toEqual([
      ['eu-west-n1', 'eu-west-a', '127.0.0.1:24140'],
      ['eu-west-n2', 'eu-west-b', '127.0.0.1:24141'],
      ['eu-west-n3', 'eu-west-c', '127.0.0.1:24142'],
    ])
    expect(config.regions.map((region) => region.servers)).toEqual(
      [0, 1, 2, 3, 4].map((i) => [`127.0.0.1:${24_020 + 100 * i}`]),
    )
  })

  it('dials other regions by address and its own by what it listens on', () => {
    const files = render(withRegions((region) => ({ address: `${region.id}.wan.test` })))
    const config = configOf(files, 'us-east')
    expect(config.hosts).toEqual({ 'us-east.wan.test': '127.0.0.1' })
    expect(config.global.endpoints.slice(0, 2)).toEqual(['http://127.0.0.1:24000', 'http://eu-west.wan.test:24100'])
    expect(config.servers).toEqual([
      {
        id: 'us-east-s1',
        listen: '127.0.0.1:24020',
        advertise: 'us-east.wan.test:24020',
        metrics: '127.0.0.1:24028',
      },
    ])
    const env = fileOf(files, 'us-east/etcd-global.env')
    expect(env).toContain(
      'ETCD_LISTEN_PEER_URLS=http://127.0.0.1:24001\nETCD_INITIAL_ADVERTISE_PEER_URLS=http://us-east.wan.test:24001\n',
    )
    expect(env).toContain(
      'ETCD_INITIAL_CLUSTER=us-east=http://us-east.wan.test:24001,eu-west=http://eu-west.wan.test:24101,',
    )
  })

  it('dials loopback where it listens on everything', () => {
    const config = configOf(render(withRegions(() => ({ address: '10.0.0.1', listen: '0.0.0.0' }))), 'us-east')
    expect(config.global.endpoints[0]).toBe('http://127.0.0.1:24000')
    expect(config.servers[0]).toMatchObject({ listen: '0.0.0.0:24020', advertise: '10.0.0.1:24020' })
    expect(config.regional.endpoints).toEqual(['http://127.0.0.1:24010'])
  })

  it('writes IPv6 addresses so that every reader takes them', () => {
    const files = render(withRegions(() => ({ address: '2001:db8::1', listen: '::' })))
    expect(configOf(files, 'us-east').global.endpoints.slice(0, 2)).toEqual([
      'http://[::1]:24000',
      'http://[2001:db8::1]:24100',
    ])
    expect(fileOf(files, 'us-east/nats.conf')).toContain('listen: "[::]:24002"')
  })

  it('keeps gateways on the addresses that were given, gossip included', () => {
    const topology = withRegions((region) => ({ address: `${region.id}.wan.test` }))
    const conf = fileOf(
      render(topology, { gatewayUrl: (source, target) => `nats://127.0.0.1:${source.length}${target.length}` }),
      'us-east/nats.conf',
    )
    expect(conf).toContain('advertise: "127.0.0.1:1"')
    expect(conf.match(/name: "[a-z-]+", urls: \["nats:\/\/127\.0\.0\.1:7\d+"\]/g)).toHaveLength(4)
    expect(conf).not.toMatch(/jetstream/i)
  })

  it('gives a witness its voter of G only, and keeps it out of everything else', () => {
    const files = render(withRegions((_, i) => ({ witness: i === 4 })))
    expect([...files.keys()].filter((path) => path.startsWith('ap-northeast/'))).toEqual([
      'ap-northeast/etcd-global.env',
    ])
    expect(fileOf(files, 'us-east/nats.conf')).not.toContain('ap-northeast')
    expect(configOf(files, 'us-east').regions).toHaveLength(4)
    expect(configOf(files, 'us-east').global.endpoints).toHaveLength(5)
  })

  it('leads a region without a voter to those of the others', () => {
    const files = render(withRegions((_, i) => ({ voter: i < 3 })))
    expect(files.has('us-west/etcd-global.env')).toBe(false)
    expect(configOf(files, 'us-west').global.endpoints).toEqual(
      [0, 100, 200].map((offset) => `http://127.0.0.1:${24_000 + offset}`),
    )
  })

  it('names members of E and data folders when asked for', () => {
    const files = render(
      withRegions(() => ({ etcdMembers: 3 })),
      { dataRoot: '/var/lib/meridian' },
    )
    expect(fileOf(files, 'us-east/etcd-region-3.env')).toContain('ETCD_DATA_DIR=/var/lib/meridian/us-east-etcd-3\n')
    expect(fileOf(files, 'us-east/etcd-region-1.env')).toContain(
      'ETCD_INITIAL_CLUSTER=us-east-etcd-1=http://127.0.0.1:24011,us-east-etcd-2=http://127.0.0.1:24013,us-east-etcd-3=http://127.0.0.1:24015\n',
    )
    expect(configOf(files, 'us-east').regional.endpoints).toHaveLength(3)
  })
})

describe('a folder and a rendering', () => {
  it('are compared file by file and made equal, without touching what was never rendered', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'meridian-render-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const five = render(committed)
    expect((await writeRendered(folder, five)).written).toHaveLength(five.size)
    writeFileSync(join(folder, 'us-east/nats.conf'), 'changed')
    writeFileSync(join(folder, 'us-west/notes.txt'), 'by a person')
    rmSync(join(folder, 'eu-west/meridian.yaml'))
    const three = new Map([...five].filter(([path]) => !path.startsWith('us-west/')))
    const stale = ['etcd-global.env', 'etcd-region-1.env', 'meridian.yaml', 'nats.conf'].map(
      (file) => `us-west/${file}`,
    )
    expect(await checkRendered(folder, three)).toEqual({
      missing: ['eu-west/meridian.yaml'],
      differing: ['us-east/nats.conf'],
      extra: [...stale, 'us-west/notes.txt'],
    })
    expect((await writeRendered(folder, three)).removed).toEqual(stale)
    expect(await checkRendered(folder, three)).toEqual({ missing: [], differing: [], extra: ['us-west/notes.txt'] })
  })
})

describe('a process configuration', () => {
  it.each<[string, (text: string) => string, string]>([
    ['an unknown key', (text) => text.replace('  zones:', '  zonen: 1\n  zones:'), 'local.zonen: unknown key'],
    [
      'a zone that is none',
      (text) => text.replace('zone: eu-west-b', 'zone: b'),
      'local.nodes[1].zone: b is none of zones',
    ],
    [
      'an id twice',
      (text) => text.replace('id: eu-west-n3', 'id: eu-west-s1'),
      'local.nodes[2].id: eu-west-s1 is used twice',
    ],
    [
      'a region of another world',
      (text) => text.replace('region: eu-west', 'region: mars'),
      'mars is none of shared.regions',
    ],
    [
      'an endpoint without a scheme',
      (text) => text.replace('- http://127.0.0.1:24100', '- 127.0.0.1:24100'),
      'is no http://host:port',
    ],
    [
      'a port that is none',
      (text) => text.replace('listen: 127.0.0.1:24120', 'listen: 127.0.0.1:99999'),
      'is no host:port',
    ],
    [
      'a duration without a unit',
      (text) => text.replace('nodeLease: 6s', 'nodeLease: 6000'),
      'm.yaml:8:16 shared.timing.nodeLease',
    ],
  ])('refuses %s', (_, change, expected) => {
    const text = fileOf(render(committed), 'eu-west/meridian.yaml')
    expect(change(text)).not.toBe(text)
    expect(() => parseProcessConfig(change(text), 'm.yaml')).toThrow(expected)
  })
})
