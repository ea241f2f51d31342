import { expect, test } from 'vitest'
import { nodeId, operationId, parseShardId } from './ids.ts'
import { nodesOfShard, pageComplaint } from './page.ts'
import type { Page } from './page.ts'
import type { PageDecision } from './page-decision.ts'
import { freezePage, standbyPage, thawPage } from './page-transitions.ts'
import { abortMove, beginMove, finishMove, joinMove } from './shard-moves.ts'
import { adoptPages, failOver, handOver, openPage } from './shard-transitions.ts'
import { revision } from './token.ts'
import { nodesOf, pageText, rangesOf } from './worlds.ts'

const NONE = new Map()
const nodes = nodesOf('a@a b@b c@c d@a e@b- f@c~')
const id = parseShardId('1.0')
const [range, next] = rangesOf('1:-#4! 1:-#5!')
if (range === undefined || next === undefined) throw new Error('two ranges')

function paged(decision: PageDecision): Page {
  if (!decision.ok) throw decision.error
  expect(pageComplaint(decision.page)).toBeUndefined()
  return decision.page
}

const opened = paged(openPage(range, [], nodes.slice(0, 3), 3, NONE))
const joining = paged(beginMove(opened, id, nodeId('d'), nodes))
const joint = paged(joinMove(joining, id, nodeId('c')))

test('a move is a learner, then two sets that count, then the new one', () => {
  expect(pageText(opened)).toContain('1.0@ e1 a#1 abc')
  expect(pageText(joining)).toContain('1.0@ e1 a#1 abc+d')
  expect(pageText(joint)).toContain('1.0@ e2 a#1 abd(abc)')
  expect(pageText(paged(finishMove(joint, id)))).toContain('1.0@ e3 a#1 abd')
  expect(nodesOfShard(joint.shards[0] ?? { replicas: [] })).toEqual(['a', 'b', 'd', 'c'])
})

test('until both sets count it can be taken back, without a trace', () => {
  expect(paged(abortMove(joining, id))).toEqual(opened)
  expect(paged(abortMove(opened, id))).toBe(opened)
  expect(abortMove(joint, id)).toMatchObject({ ok: false, error: { code: 'RANGE_BUSY' } })
})

test('it outlives crashes, hand-overs, freezes and splits', () => {
  const later = nodesOf('a@a- b@b c@c d@a')
  expect(pageText(failOver(joint, later).page)).toMatch(/1\.0@ e3 [bd]#1 abd\(abc\)/)
  expect(pageText(failOver(joint, nodesOf('a@a- b@b- c@c d@a-')).page)).toContain('1.0@ e3 - abd(abc)')
  expect(pageText(paged(handOver(joint, id, nodeId('d'), nodes)))).toContain('1.0@ e3 d#1 abd(abc)')
  expect(pageText(thawPage(freezePage(joint, operationId('t1'), revision(7))))).toContain('1.0@ e4 a#1 abd(abc)')
  expect(pageText(paged(adoptPages(next, [joint], nodes, NONE)))).toContain('1.0@ e1 a#1 abd(abc)')
  expect(pageText(paged(adoptPages(next, [joining], later, NONE)))).toMatch(/1\.0@ e1 [bc]#1 abc\+d/)
})

test('it ends when another region takes the range: the new set follows, and counts for nothing', () => {
  const [moved] = rangesOf('1:-@us/eu#5!')
  if (moved === undefined) throw new Error('no range')
  const theirs = { ...opened, generation: moved.generation }
  expect(pageText(paged(standbyPage(moved, theirs, [joint], nodes, 3, NONE)))).toContain('1.0@ e1 - abd')
  expect(pageText(paged(standbyPage(moved, theirs, [joining], nodes, 3, NONE)))).toContain('1.0@ e1 - abc')
})

const frozen = (page: Page): Page => freezePage(page, operationId('t1'), revision(7))
const standby = paged(standbyPage(range, opened, [opened], nodes, 3, NONE))

test.each([
  ['to a replica', () => beginMove(opened, id, nodeId('b'), nodes), 'INVALID_ARGUMENT'],
  ['to a stranger', () => beginMove(opened, id, nodeId('x'), nodes), 'NODE_UNKNOWN'],
  ['to a node that is down', () => beginMove(opened, id, nodeId('e'), nodes), 'UNAVAILABLE'],
  ['to a node that is drained', () => beginMove(opened, id, nodeId('f'), nodes), 'UNAVAILABLE'],
  ['of a strange shard', () => beginMove(opened, parseShardId('1.7'), nodeId('d'), nodes), 'SHARD_UNKNOWN'],
  ['while another is under way', () => beginMove(joint, id, nodeId('c'), nodes), 'RANGE_BUSY'],
  ['in a standby page', () => beginMove(standby, id, nodeId('d'), nodes), 'NOT_OWNER_REGION'],
  ['of a node that is no replica', () => joinMove(joining, id, nodeId('x')), 'INVALID_ARGUMENT'],
  ['of the leader', () => joinMove(joining, id, nodeId('a')), 'RANGE_BUSY'],
  ['that nobody joins', () => joinMove(opened, id, nodeId('c')), 'RANGE_BUSY'],
  ['of a shard without a leader', () => joinMove(failOver(joining, []).page, id, nodeId('c')), 'RANGE_BUSY'],
  ['that is not joint to its end', () => finishMove(joining, id), 'RANGE_BUSY'],
  ['without a leader to its end', () => finishMove(failOver(joint, []).page, id), 'RANGE_BUSY'],
  ['while its range is frozen', () => joinMove(frozen(joining), id, nodeId('c')), 'RANGE_FROZEN'],
  ['to its end while its range is frozen', () => finishMove(frozen(joint), id), 'RANGE_FROZEN'],
])('a move %s is refused', (_, decide, code) => {
  expect(decide()).toMatchObject({ ok: false, error: { code } })
})

test('beginning twice is beginning once', () => {
  expect(paged(beginMove(joining, id, nodeId('d'), nodes))).toBe(joining)
})
