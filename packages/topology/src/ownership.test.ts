import { expect, test } from 'vitest'
import type { ErrorCode } from './errors.ts'
import { keyspaceName, operationId, rangeId, regionId } from './ids.ts'
import { keyOfText } from './key.ts'
import { OWNERSHIP_BATCH_MAX } from './ownership-rules.ts'
import { decideOwnership } from './ownership.ts'
import type { OwnershipChange, OwnershipDecision } from './ownership-rules.ts'
import type { CreateKeyspaceCommand, OwnershipCommand } from './ownership.ts'
import { RangeMap } from './range-map.ts'
import { generation } from './token.ts'
import { rangesOf, rangesText } from './worlds.ts'

const keyspace = keyspaceName('cities')
const k = keyOfText
const context = {
  operation: operationId('op-1'),
  stamp: { wallMs: 7, counter: 1, origin: 'us' },
  nextRangeId: rangeId(100),
}

type GuardedCommand = Exclude<OwnershipCommand, CreateKeyspaceCommand>

const split = (...at: string[]): GuardedCommand => ({ kind: 'split', keyspace, at: at.map(k) })
const merge = (at: string): GuardedCommand => ({ kind: 'merge', keyspace, at: k(at) })
const activate = (...starts: string[]): GuardedCommand => ({ kind: 'activate', keyspace, starts: starts.map(k) })
const assign = (...assignments: [start: string, owner: string, ...standbys: string[]][]): GuardedCommand => ({
  kind: 'assign',
  keyspace,
  assignments: assignments.map(([start, owner, ...standbys]) => ({
    start: k(start),
    owner: regionId(owner),
    standbys: standbys.map(regionId),
  })),
})
const t1 = operationId('op-1')
const begin = (start: string, target: string): GuardedCommand => ({
  kind: 'begin-transfer',
  keyspace,
  start: k(start),
  transfer: t1,
  target: regionId(target),
})
const onTransfer = (kind: 'freeze-transfer' | 'abort-transfer', start: string): GuardedCommand => ({
  kind,
  keyspace,
  start: k(start),
  transfer: operationId('world'),
})
const commit = (start: string, target: string): GuardedCommand => ({
  kind: 'commit-transfer',
  keyspace,
  start: k(start),
  transfer: operationId('world'),
  target: regionId(target),
})
const take = (from: string, ...takes: [start: string, target: string][]): GuardedCommand => ({
  kind: 'take-over',
  keyspace,
  from: regionId(from),
  takes: takes.map(([start, target]) => ({ start: k(start), target: regionId(target) })),
})
const policy = (start: string, failover: 'auto' | 'manual', budgetMs: number): GuardedCommand => ({
  kind: 'set-policy',
  keyspace,
  start: k(start),
  failover,
  budgetMs,
})
const expecting = (command: GuardedCommand, start: string, gen: number): GuardedCommand => ({
  ...command,
  expected: [{ start: k(start), generation: generation(gen) }],
})

function decide(world: string, command: OwnershipCommand): OwnershipDecision {
  return decideOwnership(RangeMap.empty.apply(rangesOf(world)), command, context)
}

function done(world: string, command: OwnershipCommand): OwnershipChange {
  const decision = decide(world, command)
  if (!decision.ok) throw decision.error
  return decision
}

test('create-keyspace makes one vacant range over every key, with generation 1', () => {
  const command: OwnershipCommand = {
    kind: 'create-keyspace',
    keyspace,
    owner: regionId('eu'),
    standbys: [regionId('us')],
  }
  const change = done('', command)
  expect(rangesText(change.puts)).toBe('100:-@eu/us#1')
  expect(change).toMatchObject({ removes: [], touched: [], nextRangeId: 101 })
  expect(change.puts[0]).toMatchObject({ operation: context.operation, stamp: context.stamp })
  expect(decide('1:-', command)).toMatchObject({ ok: false, error: { code: 'KEYSPACE_EXISTS' } })
})

test.each([
  // split: T2 for both halves, the leftmost keeps the id
  ['1:-@eu#1', split('g'), '1:-g@eu#2 100:g-@eu#2', '', '1:-@eu#1'],
  ['1:-@eu/us#4!', split('p', 'g'), '1:-g@eu/us#5! 100:g-p@eu/us#5! 101:p-@eu/us#5!', '', '1:-@eu/us#4!'],
  ['1:-g@eu#3 2:g-@us#8', split('m', 'c'), '1:-c@eu#4 100:c-g@eu#4 2:g-m@us#9 101:m-@us#9', '', '1:-g@eu#3 2:g-@us#8'],
  // merge: above both generations, whichever side is higher
  ['1:-g@eu#3 2:g-@eu#10', merge('g'), '1:-@eu#11', '2:g-@eu#10', '1:-g@eu#3 2:g-@eu#10'],
  ['1:-g@eu#10! 2:g-@eu#3!', merge('g'), '1:-@eu#11!', '2:g-@eu#3!', '1:-g@eu#10! 2:g-@eu#3!'],
  ['1:-c@us#1 2:c-g@eu/us#2 3:g-@eu#2', merge('g'), '2:c-@eu/us#3', '3:g-@eu#2', '2:c-g@eu/us#2 3:g-@eu#2'],
  // assign: the generation rises with the owner only
  ['1:-g@eu#1 2:g-@eu#2', assign(['g', 'us', 'eu']), '2:g-@us/eu#3', '', '2:g-@eu#2'],
  ['1:-g@eu#1 2:g-@eu#2', assign(['g', 'us'], ['', 'ap']), '1:-g@ap#2 2:g-@us#3', '', '1:-g@eu#1 2:g-@eu#2'],
  ['1:-@eu#5', assign(['', 'eu', 'us']), '1:-@eu/us#5', '', '1:-@eu#5'],
  ['1:-@eu/us#5', assign(['', 'eu', 'us']), '', '', '1:-@eu/us#5'],
  ['1:-@eu#5!', assign(['', 'eu']), '', '', '1:-@eu#5!'],
  // activate
  ['1:-g@eu#5 2:g-@eu#5!', activate('g', ''), '1:-g@eu#5!', '', '1:-g@eu#5 2:g-@eu#5!'],
  ['1:-@eu#5!', activate(''), '', '', '1:-@eu#5!'],
  // other standbys copy an active range
  ['1:-@eu#5!', assign(['', 'eu', 'us']), '1:-@eu/us#5!', '', '1:-@eu#5!'],
  // a transfer: the generation rises with its commit only, and the old owner stands by in the target's place
  ['1:-@eu/us#5!', begin('', 'us'), '1:-@eu/us#5>', '', '1:-@eu/us#5!'],
  ['1:-@eu/us#5!', begin('', 'ap'), '1:-@eu/us/ap#5>', '', '1:-@eu/us#5!'],
  ['1:-@eu/us#5>', onTransfer('freeze-transfer', ''), '1:-@eu/us#5=', '', '1:-@eu/us#5>'],
  ['1:-@eu/ap/us#5=', commit('', 'us'), '1:-@us/ap/eu#6!', '', '1:-@eu/ap/us#5='],
  ['1:-@eu/us#5=', onTransfer('abort-transfer', ''), '1:-@eu/us#5!', '', '1:-@eu/us#5='],
  ['1:-@eu/us#5>', onTransfer('abort-transfer', ''), '1:-@eu/us#5!', '', '1:-@eu/us#5>'],
  // a takeover ends a transfer, and leaves what is vacant vacant
  [
    '1:-g@eu/us/ap#5= 2:g-@eu/ap#1',
    take('eu', ['', 'us'], ['g', 'ap']),
    '1:-g@us/ap/eu#6! 2:g-@ap/eu#2',
    '',
    '1:-g@eu/us/ap#5= 2:g-@eu/ap#1',
  ],
  // expected generations
  ['1:-@eu#5', expecting(split('g'), '', 5), '1:-g@eu#6 100:g-@eu#6', '', '1:-@eu#5'],
  ['1:-g@eu#5 2:g-@eu#7', expecting(split('c'), 'g', 7), '1:-c@eu#6 100:c-g@eu#6', '', '1:-g@eu#5 2:g-@eu#7'],
])('%s, then %o', (world, command, puts, removes, touched) => {
  const change = done(world, command)
  expect([change.puts, change.removes, change.touched].map(rangesText)).toEqual([puts, removes, touched])
  expect(change.nextRangeId).toBe(100 + change.puts.filter((range) => range.rangeId >= 100).length)
})

const many = Array.from({ length: OWNERSHIP_BATCH_MAX + 1 }, (_, index) => `a${String(index).padStart(3, '0')}`)

test.each<[string, OwnershipCommand, ErrorCode]>([
  ['', split('g'), 'KEYSPACE_UNKNOWN'],
  ['1:-g 2:g-', split('g'), 'RANGE_EMPTY'],
  ['1:-', split(''), 'RANGE_EMPTY'],
  ['1:-', split('g', 'g'), 'RANGE_EMPTY'],
  ['1:-', split(), 'INVALID_ARGUMENT'],
  ['1:-', split(...many), 'REQUEST_TOO_LARGE'],
  ['1:-', merge('g'), 'RANGE_UNKNOWN'],
  ['1:-', merge(''), 'NOT_ADJACENT'],
  ['1:-g@eu 2:g-@us', merge('g'), 'OWNERS_DIFFER'],
  ['1:-g 2:g-!', merge('g'), 'RANGE_BUSY'],
  ['1:-!', assign(['', 'us']), 'RANGE_NOT_VACANT'],
  ['1:-', assign(['g', 'us']), 'RANGE_UNKNOWN'],
  ['1:-', assign(['', 'us'], ['', 'eu']), 'INVALID_ARGUMENT'],
  ['1:-', assign(['', 'us', 'us']), 'INVALID_ARGUMENT'],
  ['1:-', activate('g'), 'RANGE_UNKNOWN'],
  ['1:-', activate(...many), 'REQUEST_TOO_LARGE'],
  ['1:-', begin('', 'us'), 'RANGE_NOT_ACTIVE'],
  ['1:->', begin('', 'us'), 'RANGE_BUSY'],
  ['1:-@eu!', begin('', 'eu'), 'INVALID_ARGUMENT'],
  ['1:-!', onTransfer('freeze-transfer', ''), 'TRANSFER_ENDED'],
  ['1:-!', onTransfer('abort-transfer', ''), 'TRANSFER_ENDED'],
  ['1:-=', { ...onTransfer('abort-transfer', ''), transfer: t1 } as GuardedCommand, 'TRANSFER_ENDED'],
  ['1:-@eu/us!', commit('', 'us'), 'TRANSFER_ENDED'],
  ['1:-@eu/us>', commit('', 'us'), 'RANGE_BUSY'],
  ['1:-@eu/us=', commit('', 'ap'), 'INVALID_ARGUMENT'],
  ['1:->', split('g'), 'RANGE_BUSY'],
  ['1:-g= 2:g-=', merge('g'), 'RANGE_BUSY'],
  ['1:->', assign(['', 'eu', 'us']), 'RANGE_BUSY'],
  ['1:-@eu/us!', take('us', ['', 'us']), 'OWNERS_DIFFER'],
  ['1:-@eu/us!', take('eu', ['', 'ap']), 'INVALID_ARGUMENT'],
  ['1:-@eu!', policy('', 'auto', 5), 'INVALID_ARGUMENT'],
  ['1:-@eu=', policy('', 'manual', 5), 'RANGE_BUSY'],
  ['1:-#4', expecting(split('g'), '', 3), 'GENERATION_MISMATCH'],
  ['1:-#4', expecting(merge('g'), '', 5), 'GENERATION_MISMATCH'],
  ['1:-#4', expecting(activate(''), 'g', 4), 'GENERATION_MISMATCH'],
])('%s refuses %o with %s', (world, command, code) => {
  expect(decide(world, command)).toMatchObject({ ok: false, error: { code } })
})

test('halves that fail over by different policies do not merge', () => {
  const [left, right] = rangesOf('1:-g@eu! 2:g-@eu!')
  if (left === undefined || right === undefined) throw new Error('two ranges')
  const map = RangeMap.empty.apply([left, { ...right, failover: 'manual', budgetMs: 60_000 }])
  expect(decideOwnership(map, merge('g'), context)).toMatchObject({ ok: false, error: { code: 'RANGE_BUSY' } })
})

test('a policy is written without raising the generation, and not when it stands', () => {
  expect(done('1:-@eu#4!', policy('', 'manual', 60_000)).puts).toMatchObject([
    { failover: 'manual', budgetMs: 60_000, generation: 4n },
  ])
  expect(done('1:-@eu#4!', policy('', 'auto', 0)).puts).toEqual([])
})

test('a split of the greatest size stays within one transaction of etcd', () => {
  const world = many
    .map((start, index) => `${index + 1}:${index === 0 ? '' : start}-${many[index + 1] ?? ''}`)
    .join(' ')
  const points = many.slice(0, OWNERSHIP_BATCH_MAX).map((start) => `${start}x`)
  const change = done(world, split(...points))
  expect(change.touched.length).toBe(OWNERSHIP_BATCH_MAX)
  expect(change.puts.length).toBeLessThanOrEqual(2 * OWNERSHIP_BATCH_MAX)
})
