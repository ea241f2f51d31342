import { describe, expect, it, test } from 'vitest'
import type { GetStatusResponse, RegionHealth } from '@meridian/protocol'
import { operationSample } from '../operation-samples.ts'
import { jsonText } from './json.ts'
import { plain } from './paint.ts'
import { statusJson, statusLines } from './status.ts'
import type { RegionStatus } from './status.ts'

const layout = { width: 80, paint: plain }

const tier = (leader: string): NonNullable<GetStatusResponse['global']> => ({
  leader,
  member: 'us-east',
  raftTerm: 2n,
  revision: 1041n,
  version: '3.7.3',
  endpoint: 'http://127.0.0.1:24000',
  error: '',
})

const status: GetStatusResponse = {
  region: 'us-east',
  server: '127.0.0.1:24010',
  global: tier('us-east'),
  regional: tier('us-east-e1'),
  lease: { term: 1n, counter: 204n, remainingMs: 7900 },
  controller: '127.0.0.1:24010',
  publisher: '127.0.0.1:24010',
  nodes: [
    {
      nodeId: 'us-east-1',
      zone: 'us-east-a',
      address: 'us-east.wan.test:24020',
      nodeEpoch: 1n,
      status: 'up',
      shardsLed: 44,
      shardsHeld: 131,
      silentMs: 812n,
    },
    {
      nodeId: 'us-east-2',
      zone: 'us-east-b',
      address: 'us-east.wan.test:24021',
      nodeEpoch: 3n,
      status: 'down',
      shardsLed: 0,
      shardsHeld: 131,
      silentMs: 64_000n,
    },
  ],
  positions: [
    { stream: 'g', position: { incarnation: 1n, revision: 1041n } },
    { stream: 'e.us-east', position: { incarnation: 1n, revision: 512n } },
  ],
  rangesOwned: 81,
  shards: 131,
  shardsLeaderless: 2,
  followers: [{ follower: 'client-1', life: 'x', positions: [], silentMs: 5n }],
}

const answered = (change: Partial<GetStatusResponse> = {}): RegionStatus => ({
  region: 'us-east',
  displayName: 'US East (N. Virginia)',
  answer: { ok: true, status: { ...status, ...change }, health: undefined },
})

const lines = (...regions: readonly RegionStatus[]): string[] => statusLines({ regions, operations: [] }, 0, layout)

test('a region in full', () => {
  expect(lines(answered()).join('\n')).toBe(
    [
      'us-east  US East (N. Virginia)',
      '  server       127.0.0.1:24010',
      '  region lease 7.9 s left, term 1, renewals 204',
      '  controller   127.0.0.1:24010',
      '  publisher    127.0.0.1:24010',
      '  owns         81 ranges, 131 shards, 2 leaderless',
      '  followers    1',
      '  tier  leader      asked    raft term  revision  etcd',
      '  G     us-east     us-east          2      1041  3.7.3',
      '  E     us-east-e1  us-east          2      1041  3.7.3',
      '  node       zone       status  epoch  leads  holds  silent',
      '  us-east-1  us-east-a  up          1     44    131  812 ms',
      '  us-east-2  us-east-b  down        3      0    131  64.0 s',
      '  stream     incarnation  revision',
      '  g                    1      1041',
      '  e.us-east            1       512',
    ].join('\n'),
  )
})

describe('what is wrong is said', () => {
  it('when a tier gives no answer', () => {
    const told = lines(answered({ global: { ...tier(''), error: 'deadline\u001b exceeded' } }))
    expect(told).toContain('  G: deadline\\u{1b} exceeded')
  })

  it('when there is no lease, no controller, no node', () => {
    const lease = { term: 1n, counter: 204n, remainingMs: 0 }
    const text = lines(answered({ lease, controller: '', publisher: '', nodes: [] })).join('\n')
    expect(text).toContain('region lease none left\n')
    expect(text).toContain('controller   none known')
    expect(text).toContain('no nodes')
  })

  it('when a region gives no answer', () => {
    const silent: RegionStatus = {
      region: 'eu-west',
      displayName: '',
      answer: { ok: false, code: 'UNAVAILABLE', message: 'eu-west.wan.test:24110: No connection established' },
    }
    expect(lines(answered(), silent).slice(-3)).toEqual([
      '',
      'eu-west',
      '  no answer, UNAVAILABLE: eu-west.wan.test:24110: No connection established',
    ])
    expect(statusJson({ regions: [silent], operations: [] })).toEqual({
      regions: [
        {
          region: 'eu-west',
          displayName: '',
          error: { code: 'UNAVAILABLE', message: 'eu-west.wan.test:24110: No connection established' },
          status: null,
          health: null,
        },
      ],
      operations: [],
    })
  })
})

const healthy: RegionHealth = {
  region: 'us-east',
  displayName: 'US East',
  status: 'live',
  term: 1n,
  counter: 204n,
  silentMs: 700n,
  drained: false,
  rangesOwned: 81,
  rangesFollowed: 4,
  continuesMs: 7900n,
  continuesBy: 'lease',
  works: ['writes of 81 of 81 ranges, reads of all'],
  impaired: ['2 shards have no leader'],
  lagEntries: 1200n,
  lagRanges: 4,
}

test('what still works, for how long, and what is in flight', () => {
  const { answer } = answered()
  if (!answer.ok) throw new Error('it answered')
  const region: RegionStatus = { ...answered(), answer: { ...answer, health: healthy } }
  const world = { regions: [region], operations: [operationSample({ phase: 'freeze' })] }
  const told = statusLines(world, 1_002_000, layout)
  expect(told.slice(7, 11)).toEqual([
    '  without G    writes go on for 7.9 s, by lease',
    '  follows      4 ranges; copies of 4 lack 1200 entries',
    '  works     writes of 81 of 81 ranges, reads of all',
    '  impaired  2 shards have no leader',
  ])
  expect(told.slice(-4)).toEqual([
    '',
    'in flight',
    'operation  phase   what                         age  note',
    'cli-1      freeze  cities range 12: us -> eu  2.0 s',
  ])
  expect(statusJson(world)).toMatchObject({
    regions: [{ health: { continuesMs: 7900, works: [expect.any(String)] } }],
    operations: [{ operation: 'cli-1' }],
  })
  expect(statusJson({ ...world, operations: undefined })).toMatchObject({ operations: null })
})

test('the widest names and numbers fit into 80 columns, and nothing steers the terminal', () => {
  const long = 'x'.repeat(300)
  const max = 2n ** 63n - 1n
  const wide = answered({
    server: long,
    controller: long,
    publisher: `\u001b${long}`,
    global: { ...tier(long), member: long, version: long, raftTerm: max, revision: max },
    regional: { ...tier(''), error: long },
    nodes: status.nodes.map((node) => ({
      ...node,
      nodeId: long,
      zone: `\u0007${long}`,
      nodeEpoch: max,
      silentMs: max,
    })),
    positions: [{ stream: long, position: { incarnation: max, revision: max } }],
  })
  const health: RegionHealth = { ...healthy, continuesBy: long, works: [long, long], impaired: [`\u001b${long}`] }
  const unwell: RegionStatus = { ...wide, answer: { ok: true, status: status, health } }
  const flying = operationSample({ operation: long, keyspace: long, source: long, note: `\u0007${long}` })
  const world = { regions: [{ ...wide, displayName: long }, unwell], operations: [flying] }
  for (const line of statusLines(world, 0, layout)) {
    expect(line.length, line).toBeLessThanOrEqual(80)
    expect(line).not.toMatch(/\p{C}/u)
  }
})

test('the document has every counter as a decimal string', () => {
  const parsed = JSON.parse(jsonText(statusJson({ regions: [answered()], operations: [] })))
  expect(parsed.regions[0]).toMatchObject({
    region: 'us-east',
    error: null,
    status: {
      global: { raftTerm: '2', revision: '1041' },
      lease: { term: '1', remainingMs: 7900 },
      nodes: [{ nodeEpoch: '1', silentMs: '812' }, {}],
      positions: [{ stream: 'g', incarnation: '1', revision: '1041' }, {}],
      followers: [{ follower: 'client-1' }],
    },
  })
})
