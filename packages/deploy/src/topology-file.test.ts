import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { isMeridianError } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { firstRegions, regionOf, warnings } from './topology-checks.ts'
import { loadTopology, parseTopology } from './topology-file.ts'
import type { Topology } from './topology.ts'

const COMMITTED = fileURLToPath(new URL('../../../regions/topology.yaml', import.meta.url))

const region = (id: string, more = '') =>
  `  - {id: ${id}, displayName: ${id}, latitude: 1, longitude: 2, zones: [a, b]${more === '' ? '' : `, ${more}`}}\n`
const world = (...regions: string[]) => `name: w\nwan: wan/aws.yaml\nregions:\n${regions.join('')}`
const THREE = world(region('a'), region('b'), region('c'))

function problems(text: string): string[] {
  try {
    parseTopology(text, 't.yaml')
    return []
  } catch (error) {
    if (!isMeridianError(error, 'CONFIG_INVALID')) throw error
    return error.message.split('\n')
  }
}

describe('a topology file', () => {
  it('needs no more than names, places and zones', () => {
    const topology = parseTopology(THREE, 't.yaml')
    expect(topology.regions.map((each) => [each.id, each.slot, each.nodes, each.address])).toEqual([
      ['a', 0, 3, '127.0.0.1'],
      ['b', 1, 3, '127.0.0.1'],
      ['c', 2, 3, '127.0.0.1'],
    ])
    expect(topology).toMatchObject({ basePort: 24_000, timing: { nodeWaitMs: 6370 }, standstill: false })
    expect(topology.etcd.global).toMatchObject({ heartbeatMs: 200, electionMs: 2400 })
  })

  it('says where the leader of G belongs, by default where it costs least in the mean', () => {
    expect(parseTopology(THREE, 't.yaml').leader).toEqual({
      objective: { kind: 'mean' },
      hysteresisShare: 0.1,
      hysteresisMs: 5,
      holdMs: 30_000,
      cooldownMs: 300_000,
    })
    const fixed = parseTopology(`${THREE}leader: {objective: fixed, region: c, hold: 1m}\n`, 't.yaml')
    expect(fixed.leader).toMatchObject({ objective: { kind: 'fixed', region: 'c' }, holdMs: 60_000 })
    expect(() =>
      firstRegions(
        parseTopology(
          world(...['a', 'b', 'c', 'd', 'e'].map((id) => region(id))) + 'leader: {objective: fixed, region: e}\n',
          't.yaml',
        ),
        3,
      ),
    ).toThrow('e has no voter of G')
  })

  it.each(['', 'timing: {regionLease: 8s}\n', 'timing: {regionLease: 30s, regionRenew: 10s}\n'])(
    'takes a standstill with a lease in which everybody can be asked: %s',
    (timing) => {
      expect(parseTopology(`${THREE}${timing}standstill: true\n`, 't.yaml').standstill).toBe(true)
    },
  )

  it.each<[string, string, string[]]>([
    ['what is no YAML', 'name: [', ['t.yaml:1:8']],
    ['a key twice', 'name: w\nname: v\n', ['t.yaml:2:1 Map keys must be unique']],
    ['an empty file', '', ['t.yaml:1:1']],
    ['an unknown key', `${THREE}basePorts: 1\n`, ['t.yaml:7:1 basePorts: unknown key']],
    [
      'an unknown key of a region',
      world(region('a', 'zone: x'), region('b'), region('c')),
      ['t.yaml:4:71 regions[0].zone: unknown key'],
    ],
    ['a missing key', THREE.replace('name: w\n', ''), ['t.yaml:1:1 name: missing (string)']],
    [
      'a malformed id',
      world(region('a'), region('B'), region('c')),
      ['t.yaml:5:10 regions[1].id: "B" is no region id'],
    ],
    [
      'an id twice',
      world(region('a'), region('b'), region('a')),
      ['t.yaml:6:10 regions[2].id: id "a" is also that of regions[0]'],
    ],
    [
      'an objective of no kind',
      `${THREE}leader: {objective: median}\n`,
      ['t.yaml:7:21 leader.objective: must be mean'],
    ],
    [
      'a fixed objective without a place',
      `${THREE}leader: {objective: fixed}\n`,
      ['t.yaml:7:21 leader.objective: fixed'],
    ],
    [
      'a place without a fixed objective',
      `${THREE}leader: {objective: worst, region: a}\n`,
      ['t.yaml:7:36 leader.region: only with'],
    ],
    [
      'a leader where no voter is',
      world(region('a'), region('b'), region('c'), region('d', 'voter: false')) +
        'leader: {objective: fixed, region: d}\n',
      ['t.yaml:8:36 leader.region: d has no voter of G', 'in: a, b, c'],
    ],
    [
      'a leader that would travel',
      `${THREE}leader:\n  hold: 1s\n  cooldown: 500ms\n`,
      ['t.yaml:8:9 leader.hold: 1s is', 't.yaml:9:13 leader.cooldown: 500ms is'],
    ],
    ['no hysteresis', `${THREE}leader: {hysteresisShare: 0}\n`, ['t.yaml:7:27 leader.hysteresisShare: Too small']],
    ['a rest of days', `${THREE}leader: {cooldown: 48h}\n`, ['t.yaml:7:20 leader.cooldown: 48h is more than 24h']],
    ['a slot twice', world(region('a'), region('b'), region('c', 'slot: 1')), ['t.yaml:6:', 'regions[2].slot']],
    [
      'a zone twice',
      world(region('a'), region('b'), region('c').replace('[a, b]', '[a, a]')),
      ['regions[2].zones[1]: zone "a" is listed twice'],
    ],
    ['two voters', world(region('a'), region('b')), ['t.yaml:4:3 regions: 2 voters of G', 'witness: true']],
    ['one voter', world(region('a')), ['1 voters of G: at least 3']],
    ['four voters', world(...['a', 'b', 'c', 'd'].map((id) => region(id))), ['survive no more losses than 3']],
    [
      'a world of witnesses',
      world(...['a', 'b', 'c'].map((id) => region(id, 'witness: true'))),
      ['every region is a witness'],
    ],
    [
      'a wildcard as address',
      world(region('a', 'address: 0.0.0.0'), region('b'), region('c')),
      ['belongs into "listen"'],
    ],
    ['an address with a port', world(region('a', 'address: "h:1"'), region('b'), region('c')), ['takes no port']],
    [
      'an address that is almost one',
      world(region('a', 'address: 10.0.0.256'), region('b'), region('c')),
      ['is no host name or IP'],
    ],
    [
      'a name to listen on',
      world(region('a', 'listen: localhost'), region('b'), region('c')),
      ['is no IP address to listen on'],
    ],
    ['two members of E', world(region('a', 'etcdMembers: 2'), region('b'), region('c')), ['must be 1, 3 or 5']],
    ['a duration without a unit', `${THREE}timing: {nodeLease: 6}\n`, ['t.yaml:7:21 timing.nodeLease:']],
    [
      'a lease that one loss ends',
      `${THREE}timing: {nodeRenew: 4s}\n`,
      ['t.yaml:7:21 timing.nodeRenew: 4s is more than half'],
    ],
    [
      'a wait inside the lease',
      `${THREE}timing: {nodeWait: 6s}\n`,
      ['t.yaml:7:20 timing.nodeWait: 6s is too short', '6370ms'],
    ],
    [
      'a hasty election',
      `${THREE}etcd: {global: {election: 900ms}}\n`,
      ['t.yaml:7:27 etcd.global.election: 900ms is less than 5'],
    ],
    [
      'a standstill that a lease leaves no time for',
      `${THREE}timing: {regionLease: 7990ms}\nstandstill: true\n`,
      ['t.yaml:8:13 standstill: a lease of 7990ms renewed every 2s', 'must be at least 8s'],
    ],
    [
      'a standstill that is asked for after too many renewals',
      `${THREE}standstill: true\ntiming: {regionLease: 25s, regionRenew: 10s}\n`,
      ['t.yaml:7:13 standstill: a lease of 25s', 'must be at least 28s'],
    ],
    ['a standstill by halves', `${THREE}standstill: yes\n`, ['t.yaml:7:13 standstill:']],
    [
      'a path out of the folder',
      THREE.replace('wan/aws.yaml', '../x.yaml'),
      ['t.yaml:2:6 wan: must be wan/<name>.yaml'],
    ],
    [
      'a name that a terminal would obey',
      THREE.replace('displayName: a', 'displayName: "\\e[2J"'),
      ['1 to 64 printable'],
    ],
    ['a key that a terminal would obey', `${THREE}"\\e[2J": 1\n`, ['t.yaml:7:1 ["\\u001b[2J"]: unknown key']],
  ])('refuses %s', (_, text, expected) => {
    const found = problems(text).join('\n')
    for (const part of expected) expect(found).toContain(part)
  })

  it('tells all problems at once, in the order of the file', () => {
    const found = problems(
      world(region('A'), region('b', 'listen: x'), region('b', 'nodes: 0')).replace('name: w', 'nome: w'),
    )
    expect(found.map((line) => line.split(' ')[0])).toEqual([
      't.yaml:1:1',
      't.yaml:1:1',
      't.yaml:4:10',
      't.yaml:5:79',
      't.yaml:6:10',
      't.yaml:6:78',
    ])
  })

  it('bounds what a file can multiply into', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\n${'bcdefg'
      .split('')
      .map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcdef'[i]}`).join(',')}]\n`)
      .join('')}`
    expect(problems(bomb)[0]).toMatch(/alias/)
  })
})

describe('the committed topology', async () => {
  const topology = await loadTopology(COMMITTED)

  it('listens on loopback and gives no cause for warnings', () => {
    expect(warnings(topology)).toEqual([])
    expect(topology.regions.map((each) => each.id)).toEqual([
      'us-east',
      'eu-west',
      'ap-southeast',
      'us-west',
      'ap-northeast',
    ])
  })

  it('gives elections of G ten times the largest round trip of its matrix', () => {
    const matrix: unknown = parse(readFileSync(new URL(topology.wan, `file://${COMMITTED}`), 'utf8'))
    const rtts = JSON.stringify(matrix).match(/(?<="[a-z-]+":)[0-9.]+(?=[,}])/g) ?? []
    const rttMsMax = Math.max(...rtts.map(Number))
    expect(rttMsMax).toBeGreaterThan(100)
    expect(topology.etcd.global.electionMs).toBeGreaterThanOrEqual(10 * rttMsMax)
  })

  it('holds smaller worlds, if their voters are a proper set', () => {
    expect(firstRegions(topology, 3).regions).toHaveLength(3)
    expect(() => firstRegions(topology, 4)).toThrow('4 voters')
    expect(() => firstRegions(topology, 6)).toThrow('6 regions of a topology of 5')
    expect(regionOf(topology, 'eu-west').slot).toBe(1)
    expect(() => regionOf(topology, 'mars')).toThrow('no region "mars"; there are: us-east, eu-west')
  })
})

describe('warnings', () => {
  const placed = (...places: [address: string, listen: string][]): Topology => {
    const topology = parseTopology(THREE, 't.yaml')
    const regions = topology.regions.map((each, i) => {
      const [address, listen] = places[i] ?? ['127.0.0.1', '127.0.0.1']
      return { ...each, address, listen }
    })
    return { ...topology, regions }
  }

  it.each<[string, [string, string][], string[]]>([
    ['loopback', [], []],
    [
      'names of the lab',
      [
        ['a.wan.test', '127.0.0.1'],
        ['b.wan.test', '127.0.0.1'],
        ['c.wan.test', '127.0.0.1'],
      ],
      [],
    ],
    [
      'an exposed region',
      [['127.0.0.1', '0.0.0.0']],
      ['a listens on 0.0.0.0: reachable from the network, without TLS yet'],
    ],
    [
      'a region that others cannot dial',
      [
        ['10.0.0.1', '10.0.0.1'],
        ['10.0.0.2', '127.0.0.1'],
      ],
      [
        'a listens on 10.0.0.1: reachable from the network, without TLS yet',
        'c is at 127.0.0.1, which a at 10.0.0.1 cannot dial',
        'b is dialled at 10.0.0.2 but listens on 127.0.0.1 only',
      ],
    ],
  ])('of %s', (_, places, expected) => {
    expect(warnings(placed(...places))).toEqual(expected)
  })
})
