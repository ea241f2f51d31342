import { expect, test } from 'vitest'
import { operationId, rangeId } from './ids.ts'
import { keyOfText } from './key.ts'
import type { Page } from './page.ts'
import { freezePage, sameShards, standbyPage, thawPage } from './page-transitions.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import { adoptPages, openPage } from './shard-transitions.ts'
import type { PageDecision } from './page-decision.ts'
import { revision } from './token.ts'
import { nodesOf, pageText, rangesOf } from './worlds.ts'

const NONE = new Map()
const t1 = operationId('t1')
const home = nodesOf('a@a b@b c@c')
const away = nodesOf('x@x y@y z@z')

function range(text: string): RangeDescriptor {
  const [first] = rangesOf(text)
  if (first === undefined) throw new Error(`no range in ${text}`)
  return first
}

function paged(decision: PageDecision): Page {
  if (!decision.ok) throw decision.error
  return decision.page
}

const owned = range('1:-@eu/us#4!')
const opened = paged(openPage(owned, [keyOfText('g')], home, 3, NONE))

test('a freeze and a thaw each raise every epoch and move no leader', () => {
  expect(pageText(opened)).toBe('1#4 [, ∞) next 2: 1.0@ e1 a#1 abc, 1.1@g e1 b#1 abc')
  const frozen = freezePage(opened, t1, revision(7))
  expect(pageText(frozen)).toBe('1#4 frozen by t1 [, ∞) next 2: 1.0@ e2 a#1 abc, 1.1@g e2 b#1 abc')
  expect(frozen.freeze).toEqual({ operation: t1, revision: 7n })
  expect(freezePage(frozen, t1, revision(9))).toBe(frozen)
  expect(pageText(thawPage(frozen))).toBe('1#4 [, ∞) next 2: 1.0@ e3 a#1 abc, 1.1@g e3 b#1 abc')
  expect(thawPage(opened)).toBe(opened)
})

test('another transfer freezes anew, under a higher token', () => {
  const again = freezePage(freezePage(opened, t1, revision(7)), operationId('t2'), revision(9))
  expect(again.freeze).toEqual({ operation: 't2', revision: 9n })
  expect(again.shards.map(({ epoch }) => epoch)).toEqual([3n, 3n])
})

test('a standby page has the shards of the owner, replicas of its own, and no leader', () => {
  const page = paged(standbyPage(owned, opened, [], away, 3, NONE))
  expect(pageText(page)).toBe('1#4 standby [, ∞) next 2: 1.0@ e1 - xyz, 1.1@g e1 - xyz')
  expect(sameShards(page, opened)).toBe(true)
  expect(() => freezePage(page, t1, revision(7))).toThrow(/nothing to freeze/)
})

test('it keeps the replicas that hold a shard already, also of a page that was the owner here', () => {
  const again = paged(standbyPage(owned, opened, [paged(standbyPage(owned, opened, [], away, 2, NONE))], away, 3, NONE))
  expect(again.shards.map(({ replicas }) => replicas.join(''))).toEqual(['xy', 'zx'])
  const moved = range('1:-@us/eu#5!')
  const theirs = { ...opened, generation: moved.generation }
  const demoted = paged(standbyPage(moved, theirs, [opened], home, 3, NONE))
  expect(pageText(demoted)).toBe('1#5 standby [, ∞) next 2: 1.0@ e1 - abc, 1.1@g e1 - abc')
})

test('fewer nodes than asked follow all the same, none do not', () => {
  expect(paged(standbyPage(owned, opened, [], nodesOf('x@x y@y-'), 3, NONE)).shards[0]?.replicas).toEqual(['x'])
  expect(standbyPage(owned, opened, [], nodesOf('y@y-'), 3, NONE)).toMatchObject({
    ok: false,
    error: { code: 'NOT_ENOUGH_NODES' },
  })
})

test("it is made from the owner's page of the very generation", () => {
  expect(standbyPage(range('1:-@eu/us#5!'), opened, [], away, 3, NONE)).toMatchObject({
    ok: false,
    error: { code: 'GENERATION_MISMATCH' },
  })
  const standby = paged(standbyPage(owned, opened, [], away, 3, NONE))
  expect(standbyPage(owned, standby, [], away, 3, NONE)).toMatchObject({ ok: false })
})

test.each(['1:-@us/eu#5!', '1:-@us/eu#9='])(
  'the standby page is adopted when the range comes to its region: %s',
  (text) => {
    const standby = paged(standbyPage(owned, opened, [], away, 3, NONE))
    const adopted = paged(adoptPages(range(text), [standby], away, NONE))
    expect(adopted).toMatchObject({ role: 'owner', freeze: undefined, generation: range(text).generation })
    expect(sameShards(adopted, opened)).toBe(true)
    expect(adopted.shards.map((shard) => [shard.status, shard.epoch])).toEqual([
      ['assigned', 1n],
      ['assigned', 1n],
    ])
    expect(adopted.rangeId).toBe(rangeId(1))
  },
)
