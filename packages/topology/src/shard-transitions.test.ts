import { expect, test } from 'vitest'
import { nodeId, parseShardId } from './ids.ts'
import { keyOfText } from './key.ts'
import { pageComplaint, SHARDS_PER_PAGE_MAX } from './page.ts'
import type { Page } from './page.ts'
import { adoptPages, failOver, handOver, openPage } from './shard-transitions.ts'
import type { PageDecision } from './page-decision.ts'
import { nodesOf, pageText, rangesOf } from './worlds.ts'
import type { RangeDescriptor } from './range-descriptor.ts'

const NONE = new Map()
const three = nodesOf('a@a b@b c@c')

function range(text: string): RangeDescriptor {
  const [only] = rangesOf(text)
  if (only === undefined) throw new Error(`no range: ${text}`)
  return only
}

function pageIn(decision: PageDecision): Page {
  if (!decision.ok) throw decision.error
  expect(pageComplaint(decision.page)).toBeUndefined()
  return decision.page
}

const open = (text: string, bounds = '', nodes = three): Page =>
  pageIn(openPage(range(text), bounds.split(' ').filter(Boolean).map(keyOfText), nodes, 3, NONE))
const adopt = (text: string, old: readonly Page[], nodes = three): Page =>
  pageIn(adoptPages(range(text), old, nodes, NONE))

test('a page is opened with every shard assigned at epoch 1, leaders spread', () => {
  expect(pageText(open('1:-#4!', 'g m p'))).toBe(
    '1#4 [, ∞) next 4: 1.0@ e1 a#1 abc, 1.1@g e1 b#1 abc, 1.2@m e1 c#1 abc, 1.3@p e1 a#1 abc',
  )
})

test.each([
  ['1:a-m', 'g', 3, 'RANGE_NOT_ACTIVE'],
  ['1:a-m!', 'm', 3, 'KEY_OUTSIDE_RANGE'],
  ['1:a-m!', 'Z', 3, 'KEY_OUTSIDE_RANGE'],
  ['1:a-m!', 'a', 3, 'INVALID_ARGUMENT'],
  ['1:a-m!', 'h g', 3, 'INVALID_ARGUMENT'],
  ['1:a-m!', 'g g', 3, 'INVALID_ARGUMENT'],
  ['1:a-m!', 'g', 4, 'NOT_ENOUGH_NODES'],
  ['1:a-m!', 'g', 0, 'INVALID_ARGUMENT'],
  ['1:a-m!', 'g', 8, 'INVALID_ARGUMENT'],
])('opening %s at %j with %i replicas is refused with %s', (text, bounds, count, code) => {
  expect(openPage(range(text), bounds.split(' ').map(keyOfText), three, count, NONE)).toMatchObject({
    ok: false,
    error: { code },
  })
})

test('a page has at most SHARDS_PER_PAGE_MAX shards', () => {
  const bounds = Array.from({ length: SHARDS_PER_PAGE_MAX }, (_, index) =>
    keyOfText(`b${String(index).padStart(4, '0')}`),
  )
  expect(openPage(range('1:-!'), bounds, three, 3, NONE)).toMatchObject({
    ok: false,
    error: { code: 'TOO_MANY_SHARDS' },
  })
  const left = pageIn(openPage(range('1:-c!'), bounds.slice(1), three, 3, NONE))
  const right = open('2:c-!')
  expect(adoptPages(range('1:-#2!'), [left, right], three, NONE)).toMatchObject({
    ok: false,
    error: { code: 'TOO_MANY_SHARDS' },
  })
})

test('after a split both children adopt their shards; ids go on under the left one only (T6)', () => {
  const old = open('1:-#1!', 'g m p')
  expect(pageText(adopt('1:-m#2!', [old]))).toBe('1#2 [, m) next 4: 1.0@ e1 a#1 abc, 1.1@g e1 b#1 abc')
  expect(pageText(adopt('2:m-#2!', [old]))).toBe('2#2 [m, ∞) next 0: 1.2@m e1 c#1 abc, 1.3@p e1 a#1 abc')
})

test('after a merge the left page goes on, and epochs start anew', () => {
  const left = open('1:-g#3!', 'c')
  const right = pageIn(handOver(open('2:g-#10!'), parseShardId('2.0'), nodeId('c'), three))
  expect(pageText(right)).toBe('2#10 [g, ∞) next 1: 2.0@g e2 c#1 abc')
  expect(pageText(adopt('1:-#11!', [right, left]))).toBe(
    '1#11 [, ∞) next 2: 1.0@ e1 a#1 abc, 1.1@c e1 b#1 abc, 2.0@g e1 c#1 abc',
  )
})

test('a leader stays only if it is up in the same life', () => {
  const old = open('1:-#1!', 'g m')
  const later = nodesOf('a@a#2 b@b- c@c')
  expect(pageText(adopt('1:-#2!', [old], later))).toBe(
    '1#2 [, ∞) next 3: 1.0@ e1 a#2 abc, 1.1@g e1 c#1 abc, 1.2@m e1 c#1 abc',
  )
  expect(pageText(adopt('1:-#2!', [old], nodesOf('a@a-')))).toContain('1.0@ e1 - abc')
})

test('a stale page of older bounds yields to the newer one', () => {
  const stale = open('1:-#1!', 'g m')
  const newer = adopt('2:m-#2!', [stale])
  expect(pageText(adopt('1:-#3!', [stale, newer]))).toBe(
    '1#3 [, ∞) next 3: 1.0@ e1 a#1 abc, 1.1@g e1 b#1 abc, 1.2@m e1 c#1 abc',
  )
})

test.each([
  ['a bound inside a shard', '1:-h#2!', ['1:-#1!|g m'], 'SPLIT_NOT_AT_SHARD_BOUND'],
  ['a start inside a shard', '2:h-#2!', ['1:-#1!|g m'], 'SPLIT_NOT_AT_SHARD_BOUND'],
  ['a hole', '1:-#2!', ['1:-g#1!|', '2:m-#1!|'], 'SPLIT_NOT_AT_SHARD_BOUND'],
  ['a missing end', '1:-#2!', ['1:-g#1!|'], 'SPLIT_NOT_AT_SHARD_BOUND'],
  ['a missing start', '1:-#2!', ['2:g-#1!|'], 'SPLIT_NOT_AT_SHARD_BOUND'],
  ['nothing', '1:-#2!', [], 'SPLIT_NOT_AT_SHARD_BOUND'],
  ['the same page twice', '1:-#2!', ['1:-#1!|', '1:-#1!|'], 'SPLIT_NOT_AT_SHARD_BOUND'],
  ['a page of its own generation', '1:-#2!', ['1:-#2!|'], 'GENERATION_MISMATCH'],
  ['a vacant range', '1:-#2', ['1:-#1!|'], 'RANGE_NOT_ACTIVE'],
])('adoption over %s is refused', (_, text, old, code) => {
  const pages = old.map((each) => {
    const [of = '', bounds] = each.split('|')
    return open(of, bounds)
  })
  expect(adoptPages(range(text), pages, three, NONE)).toMatchObject({ ok: false, error: { code } })
})

test.each([
  ['a@a b@b c@c', ''],
  ['a@a- b@b c@c', '1.0 e2 b#1'],
  ['a@a#2 b@b c@c', '1.0 e2 a#2'],
  ['b@b c@c', '1.0 e2 b#1'],
  ['a@a- b@b- c@c', '1.0 e2 c#1, 1.1 e2 c#1'],
  ['a@a- b@b- c@c-', '1.0 e2 -, 1.1 e2 -, 1.2 e2 -'],
])('fail over with nodes %s changes %j', (nodes, expected) => {
  const before = open('1:-!', 'g m')
  const { page, changed } = failOver(before, nodesOf(nodes))
  const moved = page.shards
    .filter(({ shardId }) => changed.includes(shardId))
    .map(
      (shard) =>
        `${shard.shardId} e${shard.epoch} ${shard.status === 'assigned' ? `${shard.leader}#${shard.leaderNodeEpoch}` : '-'}`,
    )
  expect(moved.join(', ')).toBe(expected)
  expect(pageComplaint(page)).toBeUndefined()
  if (expected === '') expect(page).toBe(before)
  expect(failOver(page, nodesOf(nodes)).page).toBe(page)
})

test('a leaderless shard gets a leader, under a higher epoch, when a replica is up again', () => {
  const { page } = failOver(open('1:-!'), [])
  expect(pageText(failOver(page, nodesOf('a@a- b@b#7')).page)).toContain('1.0@ e3 b#7')
})

test('the shards of a lost node spread over the survivors', () => {
  const page = open('1:-!', 'b c d e f g h i')
  const moved = failOver(page, nodesOf('a@a- b@b c@c')).page.shards.map((shard) =>
    shard.status === 'assigned' ? shard.leader : '-',
  )
  expect(moved.filter((leader) => leader === 'b').length).toBeGreaterThanOrEqual(4)
  expect(moved.filter((leader) => leader === 'c').length).toBeGreaterThanOrEqual(4)
})

test('hand over names another replica under the next epoch, and repeats as nothing', () => {
  const page = open('1:-!')
  const after = pageIn(handOver(page, parseShardId('1.0'), nodeId('b'), three))
  expect(pageText(after)).toContain('1.0@ e2 b#1')
  expect(pageIn(handOver(after, parseShardId('1.0'), nodeId('b'), three))).toBe(after)
  expect(pageText(pageIn(handOver(after, parseShardId('1.0'), nodeId('b'), nodesOf('b@b#2'))))).toContain('1.0@ e3 b#2')
})

test.each([
  ['1.9', 'b', 'a@a b@b c@c', 'SHARD_UNKNOWN'],
  ['1.0', 'x', 'a@a b@b c@c', 'NODE_UNKNOWN'],
  ['1.0', 'd', 'a@a b@b c@c d@d', 'INVALID_ARGUMENT'],
  ['1.0', 'b', 'a@a b@b- c@c', 'UNAVAILABLE'],
])('hand over of %s to %s among %s is refused with %s', (shard, target, nodes, code) => {
  expect(handOver(open('1:-!'), parseShardId(shard), nodeId(target), nodesOf(nodes))).toMatchObject({
    ok: false,
    error: { code },
  })
})
