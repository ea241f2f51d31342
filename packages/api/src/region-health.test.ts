import { generation, keyOfText, nodeId, operationId, rangeId } from '@meridian/topology'
import type { RangeDescriptor } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { CITIES, EU, sightOf, US } from './operation-rig.ts'
import { regionHealth } from './region-health.ts'
import type { OwnRegion, RegionFacts } from './region-health.ts'

function range(id: number, change: Partial<RangeDescriptor> = {}): RangeDescriptor {
  return {
    rangeId: rangeId(id),
    keyspace: CITIES,
    start: keyOfText(`k${id}`),
    end: keyOfText(`k${id}~`),
    owner: US,
    standbys: [EU],
    generation: generation(4),
    status: 'active',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId('opened'),
    stamp: { wallMs: 1, counter: 0, origin: 'us' },
    ...change,
  }
}

const own: OwnRegion = {
  globalAgeMs: 400,
  regionalAgeMs: 300,
  leaseMs: 7500,
  standstillMs: 0,
  rangesMs: [7500, 7500],
  hasController: true,
  nodesUp: 3,
  nodesDown: 0,
  shardsLeaderless: 0,
  controller: undefined,
}

const facts = (change: Partial<RegionFacts> = {}): RegionFacts => ({
  region: US,
  displayName: 'US',
  sight: sightOf(US),
  drained: false,
  ranges: [range(1), range(2), range(3, { owner: EU, standbys: [US] })],
  lagOf: () => 40n,
  leaseMs: 9000,
  mapAgeMs: undefined,
  own,
  ...change,
})

describe('of its own region a server tells', () => {
  it('that somebody gave it up, and that only somebody can end that', () => {
    const record = { term: 2n, counter: 9n, status: 'barred', bar: { reason: 'fire', poweredOff: true } } as const
    const sight = { verdict: 'gone', stillMs: 60_000, record } as const
    expect(regionHealth(facts({ sight })).impaired).toEqual([
      'it was given up by hand: it renews no lease until somebody returns it',
    ])
  })

  it('that all is well', () => {
    expect(regionHealth(facts())).toEqual({
      region: 'us',
      displayName: 'US',
      status: 'live',
      term: 1n,
      counter: 40n,
      silentMs: 700n,
      drained: false,
      rangesOwned: 2,
      rangesFollowed: 1,
      lagEntries: 40n,
      lagRanges: 1,
      continuesMs: 7500n,
      continuesBy: 'lease',
      works: [
        'writes of 2 of 2 ranges, reads of all',
        'changes of owners and bounds',
        'failover of leaders inside the region',
      ],
      impaired: [],
    })
  })

  it('what a lost global tier leaves: writes while the lease lasts, then what a budget was bought for, then reads', () => {
    const cut = { ...own, globalAgeMs: 8000 }
    expect(regionHealth(facts({ own: cut })).impaired).toEqual([
      'the global tier has not answered for 8.0 s: no range changes its owner or bounds',
    ])
    const bought = regionHealth(facts({ own: { ...cut, leaseMs: 0, rangesMs: [0, 500_000] } }))
    expect(bought.works).toContain('writes of 1 of 2 ranges, reads of all')
    expect(bought).toMatchObject({ continuesMs: 0n, continuesBy: '' })
    const long = regionHealth(facts({ own: { ...cut, leaseMs: 1000, rangesMs: [500_000, 600_000] } }))
    expect(long).toMatchObject({ continuesMs: 500_000n, continuesBy: 'budget' })
    const still = regionHealth(
      facts({ own: { ...cut, leaseMs: 1000, standstillMs: 20_000, rangesMs: [20_000, 600_000] } }),
    )
    expect(still).toMatchObject({ continuesMs: 20_000n, continuesBy: 'standstill' })
    expect(still.works).toContain('every region has promised to take nothing for 20.0 s')
    const over = regionHealth(facts({ own: { ...cut, leaseMs: 0, rangesMs: [0, 0] } }))
    expect(over.works).toEqual(['reads that ask a quorum, and stale ones', 'failover of leaders inside the region'])
    expect(over.impaired).toContain('writes of 2 ranges are refused: the region cannot prove its ownership')
  })

  it('what a lost regional tier, a missing controller and dead nodes leave', () => {
    expect(regionHealth(facts({ own: { ...own, regionalAgeMs: 7000 } })).impaired).toEqual([
      'the regional tier has not answered for 7.0 s: leaders stay who they are',
    ])
    const worn = { ...own, hasController: false, nodesUp: 2, nodesDown: 1, shardsLeaderless: 4 }
    expect(regionHealth(facts({ own: worn })).impaired).toEqual([
      'no controller is elected: leaders stay who they are',
      '4 shards without a leader',
      '1 of 3 nodes down',
    ])
  })

  it('what its controller is kept from, and how far drains are', () => {
    const brake = { onMs: 100, silent: [nodeId('n1'), nodeId('n2')], nextInMs: 2500 }
    const drain = { nodeId: nodeId('n3'), duty: 'leaving' as const, led: 1, held: 7, indispensable: 2 }
    const told = regionHealth(facts({ own: { ...own, controller: { brake, drains: [drain] } } }))
    expect(told.works).toContain('n3 is leaving: it leads 1 shard and holds 7')
    expect(told.impaired).toEqual([
      '2 nodes fell silent at once: they are given up one by one, the next in 2.5 s',
      '2 shards without a write quorum when n3 goes',
    ])
  })

  it('which ranges are on their way, and that it is drained', () => {
    const ranges = [range(1, { status: 'moving' }), range(2, { status: 'frozen' }), range(3, { status: 'vacant' })]
    const told = regionHealth(facts({ ranges, drained: true }))
    expect(told.works).toContain('1 range on the way to another region, taking writes')
    expect(told.impaired).toEqual([
      '1 range taking no writes for a moment: changing owner',
      'drained: no range is given to it',
    ])
    expect(told.rangesOwned).toBe(3)
  })
})

describe('of another region a server tells', () => {
  const other = (change: Partial<RegionFacts> = {}) =>
    regionHealth(facts({ region: EU, sight: sightOf(EU), own: undefined, mapAgeMs: 600, ...change }))

  it('what its renewals say, and for how long those may last', () => {
    expect(other()).toMatchObject({
      continuesMs: 8300n,
      continuesBy: 'lease',
      works: ['its lease is renewed: writes of 1 range'],
      impaired: [],
    })
    const manual = range(3, { owner: EU, standbys: [US], failover: 'manual', budgetMs: 600_000 })
    expect(other({ ranges: [manual] })).toMatchObject({ continuesMs: 599_300n, continuesBy: 'budget' })
  })

  it.each([
    ['late', 'live', 'its lease was not renewed for 5.0 s: no range is given to it', 4000n],
    ['overdue', 'live', 'its lease was not renewed for 5.0 s: its ranges may be taken', 4000n],
    ['silent', 'silent', 'its authority was taken after a silence: its ranges go to standbys', 0n],
    ['barred', 'barred', 'it was given up by hand; its leases may still run', 0n],
    ['gone', 'barred', 'it was given up by hand: its ranges go to standbys', 0n],
  ] as const)('that it is %s', (verdict, status, text, continuesMs) => {
    const bar = status === 'barred' ? { bar: { reason: 'fire', poweredOff: false } } : {}
    const sight = { verdict, stillMs: 5000, record: { term: 2n, counter: 9n, status, ...bar } }
    expect(other({ sight })).toMatchObject({ status, impaired: [text], continuesMs })
  })

  it('that nothing is heard of it', () => {
    expect(other({ sight: undefined, mapAgeMs: undefined })).toMatchObject({
      status: 'unknown',
      continuesMs: 0n,
      impaired: ['it never had a lease', 'its map was never heard of here'],
    })
    expect(other({ lagOf: () => undefined })).toMatchObject({ lagEntries: 0n, lagRanges: 0 })
    expect(other({ mapAgeMs: 12_000 }).impaired).toEqual(['its map was last heard of 12.0 s ago'])
  })
})
