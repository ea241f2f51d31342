import { generation, keyOfText, operationId, rangeId, regionId } from '@meridian/topology'
import type { RangeDescriptor } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { AP, CITIES, EU, sightOf, takeoverEntry, transferEntry, US } from './operation-rig.ts'
import { lostBy, outlookOf, takeOutlookOf } from './transfer-plan.ts'
import type { TransferWorld } from './transfer-plan.ts'

function range(id: number, change: Partial<RangeDescriptor> = {}): RangeDescriptor {
  return {
    rangeId: rangeId(id),
    keyspace: CITIES,
    start: keyOfText(`k${id}`),
    end: keyOfText(`k${id}~`),
    owner: US,
    standbys: [EU, AP],
    generation: generation(4),
    status: 'active',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId('opened'),
    stamp: { wallMs: 1, counter: 0, origin: 'us' },
    ...change,
  }
}

function world(change: Partial<TransferWorld> = {}): TransferWorld {
  return {
    sights: new Map([US, EU, AP].map((region) => [region, sightOf(region)])),
    drained: new Set(),
    suspicion: () => undefined,
    standbyFacts: () => ({ hasPage: true }),
    shardsOf: () => 3,
    load: () => undefined,
    commitFloorMs: 70.5,
    ...change,
  }
}

const barred = sightOf(EU, {
  record: { term: 2n, counter: 1n, status: 'barred', bar: { reason: 'fire', poweredOff: false } },
  verdict: 'barred',
})

describe('a range goes', () => {
  it('to its first standby, at the price of its commits', () => {
    expect(outlookOf(range(1), undefined, world())).toEqual({
      range: range(1),
      target: EU,
      obstacles: [],
      shards: 3,
      lagEntries: 0n,
      commitMs: 352.5,
      writesPerS: 0,
    })
    expect(outlookOf(range(1, { status: 'vacant' }), undefined, world()).commitMs).toBe(70.5)
    expect(outlookOf(range(1), undefined, world({ commitFloorMs: undefined })).commitMs).toBe(0)
  })

  it('rather to one that copies it already, and past one that can take nothing', () => {
    const apCopies = world({ standbyFacts: (_, region) => ({ hasPage: region === AP }) })
    expect(outlookOf(range(1), undefined, apCopies).target).toBe(AP)
    expect(outlookOf(range(1), undefined, world({ drained: new Set([EU]) })).target).toBe(AP)
    expect(outlookOf(range(1), undefined, world({ sights: new Map([[AP, sightOf(AP)]]) })).target).toBe(AP)
  })

  it('with what the nodes told of its writes and of what the target lacks', () => {
    const load = () => ({ writesPerS: 200, lagEntries: new Map([[EU, 1200n]]) })
    expect(outlookOf(range(1), undefined, world({ load }))).toMatchObject({ writesPerS: 200, lagEntries: 1200n })
    expect(outlookOf(range(1), AP, world({ load }))).toMatchObject({ target: AP, lagEntries: 0n })
  })
})

describe('in its way stands', () => {
  it.each([
    ['that nobody follows it', range(1, { standbys: [] }), undefined, world(), ['it has no standby']],
    [
      'what each standby has against it',
      range(1),
      undefined,
      world({
        drained: new Set([AP]),
        sights: new Map([
          [US, sightOf(US)],
          [EU, barred],
          [AP, sightOf(AP)],
        ]),
      }),
      ['eu is barred, ap is drained'],
    ],
    ['a drain of the target', range(1), EU, world({ drained: new Set([EU]) }), ['eu is drained']],
    [
      'that transfers to it have failed',
      range(1),
      EU,
      world({ suspicion: () => '2 transfers to eu failed' }),
      ['eu is suspect: 2 transfers to eu failed'],
    ],
    ['that the target owns it', range(1), US, world(), ['us owns it already']],
    [
      'that it is on its way',
      range(1, { status: 'frozen', operation: operationId('move-1') }),
      EU,
      world(),
      ['transfer move-1 of it is under way'],
    ],
    [
      'an owner that does not answer',
      range(1),
      EU,
      world({
        sights: new Map([
          [US, sightOf(US, { verdict: 'late', stillMs: 5200 })],
          [EU, sightOf(EU)],
        ]),
      }),
      ['us is late: it has not renewed its lease for 5.2 s, and a transfer needs it'],
    ],
    [
      'a ninth standby',
      range(1, { standbys: 'abcdefgh'.split('').map((name) => regionId(name)) }),
      EU,
      world(),
      ['it has 8 standbys already, and eu is none of them'],
    ],
  ])('%s', (_, of, wanted, known, obstacles) => {
    expect(outlookOf(of, wanted, known).obstacles).toEqual(obstacles)
  })

  it('nothing of an owner that is needed for nothing, and no drain that is about to end', () => {
    const silent = world({ sights: new Map([[EU, sightOf(EU)]]) })
    expect(outlookOf(range(1, { status: 'vacant' }), EU, silent).obstacles).toEqual([])
    const drained = world({ drained: new Set([EU]) })
    expect(outlookOf(range(1), EU, drained, EU).obstacles).toEqual([])
  })
})

describe('of a region that is given up', () => {
  it('ranges go to who has a copy, whatever the region does and whatever was under way', () => {
    const lost = world({
      sights: new Map([
        [US, sightOf(US, { verdict: 'overdue' })],
        [EU, sightOf(EU)],
        [AP, sightOf(AP)],
      ]),
    })
    const moving = range(1, { status: 'moving' })
    expect(takeOutlookOf(moving, lost)).toMatchObject({ target: EU, obstacles: [], commitMs: 70.5, range: moving })
    const apCopies = { ...lost, standbyFacts: (_: number, region: string) => ({ hasPage: region === AP }) }
    expect(takeOutlookOf(range(1), apCopies).target).toBe(AP)
  })

  it('those without a copy anywhere stay', () => {
    const uncopied = world({ standbyFacts: () => ({ hasPage: false }) })
    expect(takeOutlookOf(range(1), uncopied)).toMatchObject({
      target: undefined,
      obstacles: ['no standby has a copy of it'],
    })
    expect(takeOutlookOf(range(1, { status: 'vacant' }), uncopied)).toMatchObject({ target: EU, obstacles: [] })
  })
})

describe('a region has lost', () => {
  const of = (id: number, operation: string, owner = EU) => range(id, { owner, operation: operationId(operation) })

  it('what was evacuated from it or taken over, what it tried to get back, and nothing that it owns', () => {
    const ranges = [
      of(1, 'evacuate:us:0d1f:1'),
      of(2, 'takeover:us:4'),
      of(3, 'return:us:0d1f:3'),
      of(4, 'evacuate:us:0d1f:4', US),
      of(5, 'evacuate:us-east:0d1f:5'),
      of(6, 'evacuate:eu:0d1f:6', AP),
      of(7, 'cli-1'),
    ]
    expect(lostBy(US, ranges, new Map()).map(({ rangeId: id }) => id)).toEqual([1, 2, 3])
  })

  it('also what went by a transfer under any name, as long as that is remembered', () => {
    const entry = transferEntry({ operation: operationId('cli-1'), phase: 'done' })
    const takeover = takeoverEntry(AP, 2n)
    const journal = new Map([entry, takeover].map((each) => [each.operation, each]))
    expect(lostBy(US, [of(7, 'cli-1'), of(8, 'cli-2')], journal).map(({ rangeId: id }) => id)).toEqual([7])
  })
})
