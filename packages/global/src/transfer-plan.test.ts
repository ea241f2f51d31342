import { generation, keyOfText, keyspaceName, operationId, rangeId, regionId } from '@meridian/topology'
import type { OperationId, RangeDescriptor, RangeStatus, RegionId } from '@meridian/topology'
import { expect, test } from 'vitest'
import type { JournalEntry, TransferEntry } from './journal.ts'
import { planTransfer, previousOwner } from './transfer-plan.ts'
import type { PlanWorld } from './transfer-plan.ts'

const [US, EU, AP] = ['us', 'eu', 'ap'].map(regionId) as [
  ReturnType<typeof regionId>,
  ReturnType<typeof regionId>,
  ReturnType<typeof regionId>,
]
const NOW = 1_000_000_000

function range(id: number, owners: string, status: RangeStatus = 'active', operation = 'o'): RangeDescriptor {
  const [owner = 'us', ...standbys] = owners.split('/')
  return {
    rangeId: rangeId(id),
    keyspace: keyspaceName('cities'),
    start: keyOfText(`k${id}`),
    end: keyOfText(`k${id + 1}`),
    owner: regionId(owner),
    standbys: standbys.map(regionId),
    generation: generation(4),
    status,
    failover: 'auto',
    budgetMs: 0,
    operation: operationId(operation),
    stamp: { wallMs: 1, counter: 0, origin: 'x' },
  }
}

function transfer(operation: string, more: Partial<TransferEntry>): [OperationId, JournalEntry] {
  const id = operationId(operation)
  return [
    id,
    {
      kind: 'transfer',
      operation: id,
      opSeq: 5,
      keyspace: keyspaceName('cities'),
      rangeId: rangeId(1),
      source: US,
      target: EU,
      generation: generation(3),
      phase: 'done',
      reason: '',
      startedWallMs: NOW,
      updatedWallMs: NOW,
      note: '',
      ...more,
    },
  ]
}

const world = (more: Partial<PlanWorld> = {}): PlanWorld => ({
  ranges: [],
  drained: new Set(),
  journal: new Map(),
  nowWallMs: NOW,
  illness: () => undefined,
  standbyFacts: () => ({ hasPage: true }),
  shards: () => 3,
  lagEntries: () => 7n,
  writesPerS: (id) => id,
  commitFloorMs: 70,
  ...more,
})

const text = ({ target, obstacles }: ReturnType<typeof planTransfer>): string =>
  [`to ${target ?? 'nobody'}`, ...obstacles.map(({ text: each, blocks }) => `${blocks ? 'no' : 'but'}: ${each}`)].join(
    ', ',
  )

const failed = (operation: string, agoMs: number) =>
  transfer(operation, { phase: 'aborted', note: 'no progress for 30000 ms: x', updatedWallMs: NOW - agoMs })

const ill = (of: RegionId) => (region: RegionId) => (region === of ? 'is silent' : undefined)

test.each<[string, RangeDescriptor, string | undefined, Partial<PlanWorld>, string]>([
  ['nothing in the way', range(1, 'us/eu'), undefined, {}, 'to eu'],
  ['asked for another', range(1, 'us/eu/ap'), 'ap', {}, 'to ap'],
  ['vacant', range(1, 'us/eu', 'vacant'), undefined, {}, 'to eu, no: it is vacant: assign it, it holds no data'],
  ['moving', range(1, 'us/eu', 'moving', 'm'), undefined, {}, 'to eu, no: it is moving: m is under way'],
  ['nobody', range(1, 'us'), undefined, {}, 'to nobody, no: it has no standby: name one, or a target'],
  ['its owner', range(1, 'us/eu'), 'us', { standbyFacts: () => ({ hasPage: false }) }, 'to us, no: us owns it already'],
  ['drained', range(1, 'us/eu'), undefined, { drained: new Set([EU]) }, 'to eu, no: eu is drained'],
  ['drained, another is not', range(1, 'us/eu/ap'), undefined, { drained: new Set([EU]) }, 'to ap'],
  ['ill', range(1, 'us/eu'), undefined, { illness: ill(EU) }, 'to eu, no: eu is silent'],
  [
    'its owner is ill',
    range(1, 'us/eu'),
    undefined,
    { illness: ill(US) },
    'to eu, no: us is silent, and a transfer needs it',
  ],
  [
    'a ninth standby',
    range(1, 'us/a/b/c/d/e/f/g/h'),
    'eu',
    {},
    'to eu, no: it has 8 standbys already, and eu is none of them',
  ],
  [
    'no page',
    range(1, 'us/eu'),
    undefined,
    { standbyFacts: () => ({ hasPage: false }) },
    'to eu, but: eu has no standby page yet: everything is copied first',
  ],
  [
    'one has a page',
    range(1, 'us/eu/ap'),
    undefined,
    { standbyFacts: (_, region) => ({ hasPage: region === AP }) },
    'to ap',
  ],
  [
    'lags',
    range(1, 'us/eu'),
    undefined,
    { standbyFacts: () => ({ hasPage: true, lagging: true }) },
    'to eu, but: eu lags',
  ],
  ['failed once', range(1, 'us/eu'), undefined, { journal: new Map([failed('a', 1)]) }, 'to eu'],
  [
    'failed twice',
    range(1, 'us/eu'),
    undefined,
    { journal: new Map([failed('a', 1), failed('b', 1)]) },
    'to eu, no: 2 transfers to eu failed in the last 10 minutes',
  ],
  [
    'failed twice, long ago',
    range(1, 'us/eu'),
    undefined,
    { journal: new Map([failed('a', 600_000), failed('b', 1)]) },
    'to eu',
  ],
])('%s', (_, of, target, more, told) => {
  const planned = planTransfer(of, target === undefined ? undefined : regionId(target), world(more))
  expect(text(planned)).toBe(told)
  expect(planned).toMatchObject({ shards: 3, commitMs: 350, lagEntries: planned.target === undefined ? undefined : 7n })
})

test.each([
  ['an evacuation', 'evacuate:us:1.1.1', US],
  ['a takeover', 'takeover:us:3:0a1b2c3d', US],
  ['a return', 'return:us:0d1f:7', US],
  ['a return of a region whose name begins alike', 'return:us-east:0d1f:8', regionId('us-east')],
  ['a transfer that is remembered', 'by-hand', US],
  ['a transfer that was given up', 'given-up', undefined],
  ['anything else', 'split', undefined],
])('whose a range was is told by %s', (_, operation, owner) => {
  const journal = new Map([transfer('by-hand', {}), transfer('given-up', { phase: 'aborted' })])
  expect(previousOwner(range(1, 'eu/us', 'active', operation), journal)).toBe(owner)
})
