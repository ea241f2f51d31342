import {
  generation,
  keyOfText,
  keyspaceName,
  operationId,
  OWNERSHIP_BATCH_MAX,
  rangeId,
  regionId,
} from '@meridian/topology'
import type { RangeDescriptor, RegionId } from '@meridian/topology'
import { expect, test } from 'vitest'
import { regionWaitMsOf } from './region-lease.ts'
import { planTakes } from './takeover-plan.ts'
import type { TakeRight, TakeWorld } from './takeover-plan.ts'

/** `1@us/eu/ap`: range 1 of us, standbys eu and ap, active; `?` vacant, `~60` by hand with 60 s bought, `k:` in keyspace k. */
function range(text: string): RangeDescriptor {
  const match = /^(?:([a-z]+):)?(\d+)@([a-z]+)((?:\/[a-z]+)*)(\?)?(?:~(\d+))?$/.exec(text)
  if (match === null) throw new Error(`no range: ${text}`)
  const [, keyspace = 'cities', id = '', owner = '', standbys = '', vacant, budgetS] = match
  return {
    rangeId: rangeId(Number(id)),
    keyspace: keyspaceName(keyspace),
    start: keyOfText(id.padStart(4, '0')),
    end: keyOfText(String(Number(id) + 1).padStart(4, '0')),
    owner: regionId(owner),
    standbys: standbys.split('/').filter(Boolean).map(regionId),
    generation: generation(1),
    status: vacant === undefined ? 'active' : 'vacant',
    failover: budgetS === undefined ? 'auto' : 'manual',
    budgetMs: budgetS === undefined ? 0 : Number(budgetS) * 1000,
    operation: operationId('o'),
    stamp: { wallMs: 1, counter: 0, origin: 'x' },
  }
}

interface Facts {
  readonly right?: Partial<TakeRight>
  /** `eu-`: no page anywhere; `eu~`: lags everywhere; `eu!drained`: objected to. */
  readonly standbys?: string
  readonly holds?: TakeWorld['holds']
  readonly importance?: Readonly<Record<number, number>>
}

function plan(ranges: string, { right, standbys = '', holds = [], importance = {} }: Facts = {}) {
  const has = (mark: string) => standbys.split(' ').includes(mark)
  const objection = (region: RegionId) =>
    standbys
      .split(' ')
      .find((each) => each.startsWith(`${region}!`))
      ?.slice(region.length + 1)
  return planTakes(
    { region: regionId('us'), forced: false, poweredOff: false, goneMs: 0, ...right },
    {
      ranges: ranges.split(' ').map(range),
      standbyFacts: (_, region) => ({ hasPage: !has(`${region}-`), lagging: has(`${region}~`) }),
      importance: (id) => importance[id] ?? 0,
      holds,
      objection,
      waitMsOf: regionWaitMsOf,
    },
  )
}

/** `1>eu 2>ap`, batches apart by `|`. */
const text = ({ batches }: ReturnType<typeof plan>): string =>
  batches.map(({ takes }) => takes.map(({ rangeId: id, target }) => `${id}>${target}`).join(' ')).join(' | ')

test.each<[string, string, Facts, string, string]>([
  ['the first standby', '1@us/eu/ap', {}, '1>eu', '1 to eu, its first standby'],
  ['others are not touched', '1@eu/us 2@us/eu', {}, '2>eu', '1 to eu, its first standby'],
  [
    'one that is objected to is passed over',
    '1@us/eu/ap',
    { standbys: 'eu!is-drained' },
    '1>ap',
    '1 to ap, eu is-drained',
  ],
  [
    'one without a page is passed over',
    '1@us/eu/ap',
    { standbys: 'eu-' },
    '1>ap',
    '1 to ap, eu has no standby page of it',
  ],
  ['a vacant range needs no page', '1@us/eu?', { standbys: 'eu-' }, '1>eu', '1 to eu, its first standby'],
  ['one that lags gives way', '1@us/eu/ap', { standbys: 'eu~' }, '1>ap', '1 to ap, eu lags'],
  [
    'one that lags is better than nobody',
    '1@us/eu/ap',
    { standbys: 'eu~ ap-' },
    '1>eu',
    '1 to eu, its first standby, although it lags',
  ],
  ['nobody is left', '1@us/eu/ap', { standbys: 'eu- ap!late' }, '', '1 left: eu has no standby page of it, ap late'],
  ['no standby named', '1@us', {}, '', '1 left: no standby is named'],
  ['by hand only', '1@us/eu~60', {}, '', '1 left: fails over by hand only'],
  [
    'by hand, too early',
    '1@us/eu~60',
    { right: { forced: true, goneMs: 60_000 } },
    '',
    '1 left: its owner may go on for 60000 ms, as bought',
  ],
  [
    'by hand, in time',
    '1@us/eu~60',
    { right: { forced: true, goneMs: regionWaitMsOf(60_000) } },
    '1>eu',
    '1 to eu, its first standby',
  ],
  [
    'by hand, attested',
    '1@us/eu~60',
    { right: { forced: true, poweredOff: true } },
    '1>eu',
    '1 to eu, its first standby',
  ],
])('%s', (_, ranges, facts, takes, note) => {
  const made = plan(ranges, facts)
  expect({ takes: text(made), note: made.note }).toEqual({ takes, note })
})

test('a continuation that was lowered holds what it was bought for, and nothing else, until it has run out', () => {
  const hold = { ...range('2@us'), operation: operationId('lower'), budgetMs: 60_000 }
  const at = (knownMs: number) => text(plan('1@us/eu 2@us/eu 3@us/eu', { holds: [{ ...hold, knownMs }] }))
  expect(at(regionWaitMsOf(60_000) - 1)).toBe('1>eu 3>eu')
  expect(at(regionWaitMsOf(60_000))).toBe('1>eu 2>eu 3>eu')
  const other = { ...hold, keyspace: keyspaceName('other'), knownMs: 0 }
  expect(text(plan('2@us/eu', { holds: [other] }))).toBe('2>eu')
  expect(text(plan('2@us/eu', { holds: [{ ...hold, knownMs: 0 }], right: { poweredOff: true } }))).toBe('2>eu')
})

test('what waits for a person is settled, what waits for a standby is not', () => {
  expect(plan('1@us/eu~60 2@us/eu').settled).toBe(true)
  expect(plan('1@us').settled).toBe(true)
  expect(plan('1@us/eu', { standbys: 'eu-' }).settled).toBe(false)
  expect(plan('1@us/eu~60', { right: { forced: true } }).settled).toBe(false)
})

test('most important first, then by range id, full batches of one keyspace each', () => {
  expect(text(plan('1@us/eu 2@us/eu 3@us/eu', { importance: { 3: 9, 2: 1 } }))).toBe('3>eu 2>eu 1>eu')
  expect(text(plan('1@us/eu k:2@us/eu 3@us/eu k:4@us/eu'))).toBe('1>eu 3>eu | 2>eu 4>eu')
  const many = Array.from({ length: 2 * OWNERSHIP_BATCH_MAX + 1 }, (_, index) => `${index + 1}@us/eu`).join(' ')
  expect(plan(many).batches.map(({ takes }) => takes.length)).toEqual([OWNERSHIP_BATCH_MAX, OWNERSHIP_BATCH_MAX, 1])
})
