import {
  epoch,
  EVERY_KEY,
  generation,
  keyspaceName,
  nodeEpoch,
  nodeId,
  operationId,
  rangeId,
  regionId,
  shardId,
  token,
  zoneId,
} from '@meridian/topology'
import type { NodeId, NodeRecord, Page, ReplicaChange, Shard } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { nextStep } from './move-core.ts'
import type { MoveSight } from './move-core.ts'
import { movesToBegin, suspectsOf } from './move-planner.ts'
import { decodeMove, encodeMove } from './move-record.ts'
import type { ReplicaMove } from './move-record.ts'
import { RegionLimits } from './region-timing.ts'
import type { ShardPosition } from './replica-positions.ts'

const ID = shardId(rangeId(1), 0)
const MOVE: ReplicaMove = {
  operation: operationId('m1'),
  shardId: ID,
  from: nodeId('c'),
  to: nodeId('d'),
  phase: 'joining',
  note: '',
  startedWallMs: 1,
  updatedWallMs: 1,
}

function node(id: string, more: Partial<NodeRecord> = {}): NodeRecord {
  return {
    nodeId: nodeId(id),
    region: regionId('eu'),
    zone: zoneId(`z${id}`),
    address: `${id}.test:7001`,
    capacity: 100,
    nodeEpoch: nodeEpoch(1),
    status: 'up',
    duty: 'serving',
    ...more,
  }
}

/** `abc+d a`, `abd(abc) b`, `abc -`: replicas and their change, the leader; epoch 2. */
function shard(text: string): Shard {
  const match = /^([a-z]+)(?:\+([a-z])|\(([a-z]+)\))? ([a-z-])$/.exec(text)
  if (match === null) throw new Error(`no shard: ${text}`)
  const [, replicas = '', joins, prior, leader = '-'] = match
  const change: ReplicaChange | undefined =
    joins === undefined
      ? prior === undefined
        ? undefined
        : { kind: 'joint', prior: prior.split('').map(nodeId) }
      : { kind: 'joining', node: nodeId(joins) }
  const facts = { shardId: ID, start: EVERY_KEY.start, epoch: epoch(2), replicas: replicas.split('').map(nodeId) }
  const changing = change === undefined ? facts : { ...facts, change }
  return leader === '-'
    ? { ...changing, status: 'leaderless' }
    : { ...changing, status: 'assigned', leader: nodeId(leader), leaderNodeEpoch: nodeEpoch(1) }
}

const page = (text: string, frozen = false): Page => ({
  ...EVERY_KEY,
  rangeId: rangeId(1),
  keyspace: keyspaceName('k'),
  role: 'owner',
  generation: generation(1),
  freeze: frozen ? { operation: operationId('t1'), revision: 5n as never } : undefined,
  nextOrdinal: 1,
  shards: [shard(text)],
})

/** `a:serving b:9 d:5 c!`: leader under the token; last index under the token; installing. The leader has committed 9. */
function positions(text: string): Map<NodeId, ShardPosition> {
  return new Map(
    text
      .split(' ')
      .filter(Boolean)
      .map((each) => {
        const [, id = '', rest = ''] = /^([a-z])(.*)$/.exec(each) ?? []
        const what = rest.slice(1)
        const role = what === 'serving' || what === 'sealing' ? what : 'follower'
        const old = what.startsWith('old')
        const lastIndex = role === 'follower' ? Number(old ? 9 : what || 9) : 9
        const position: ShardPosition = {
          shardId: ID,
          promised: token(1, old ? 1 : 2),
          lastIndex,
          lastToken: token(1, old ? 1 : 2),
          commitIndex: 9,
          installing: rest === '!',
          role,
        }
        return [nodeId(id), position]
      }),
  )
}

function step(text: string, said: string, more: Partial<MoveSight> & { frozen?: boolean } = {}) {
  const owner = page(text, more.frozen)
  const [only] = owner.shards
  if (only === undefined) throw new Error('one shard')
  const { kind, ...rest } = nextStep({
    move: MOVE,
    found: { page: owner, shard: only },
    nodes: ['a', 'b', 'c', 'd'].map((id) => node(id)),
    positions: positions(said),
    stalledMs: 0,
    deadlineMs: 30_000,
    ...more,
  })
  return 'note' in rest && rest.note !== '' ? `${kind}: ${rest.note}` : kind
}

describe('the next step of a move', () => {
  it.each([
    ['abc+d a', 'a:serving b:9 d:9', 'join'],
    ['abc+d a', 'a:serving b:9 c:9 d:12', 'join'],
    ['abc+d a', 'a:serving d:9', 'join'],
    ['abc+d a', 'a:serving b:9 d:8', 'wait: node d has not caught up'],
    ['abc+d a', 'a:serving b:9 d:old', 'wait: node d has not caught up'],
    ['abc+d a', 'a:serving b:9 d!', 'wait: node d has not caught up'],
    ['abc+d a', 'a:serving b:9', 'wait: node d has not caught up'],
    ['abc+d a', 'a:sealing b:9 d:9', 'wait: the leader, a, does not serve yet'],
    ['abc+d a', 'b:9 d:9', 'wait: the leader, a, does not answer'],
    ['abc+d -', 'b:9 d:9', 'wait: the shard has no leader'],
    ['abc+d c', 'c:serving b:9 d:9', 'hand-over'],
    ['c+d c', 'c:serving d:9', 'wait: node c leads it and nobody else could'],
    ['abd(abc) a', 'a:serving b:9 c:9 d:9', 'finish'],
    ['abd(abc) a', 'a:serving d:9', 'finish'],
    ['abd(abc) a', 'a:serving c:9', 'wait: only a of the new replicas are in sync'],
    ['abd(abc) a', 'a:sealing b:9 d:9', 'wait: the leader, a, does not serve yet'],
    ['abd(abc) -', 'b:9 d:9', 'wait: the shard has no leader'],
    ['abd a', '', 'close'],
    ['abc a', '', 'close: node d does not join the shard any more'],
    ['abc+e a', '', 'close: node d does not join the shard any more'],
  ])('of %s, told %j, is %s', (text, said, expected) => {
    expect(step(text, said)).toBe(expected)
  })

  it('is to go back after the deadline, but never from where both sets count, nor because of a freeze', () => {
    const late = { stalledMs: 30_000 }
    expect(step('abc+d a', 'a:serving b:9', late)).toBe('abort: no progress for 30 s: node d has not caught up')
    expect(step('abc+d c', 'c:serving b:9 d:9', late)).toBe('abort: no progress for 30 s: node c goes on leading it')
    expect(step('abc+d -', '', late)).toBe('abort: no progress for 30 s: the shard has no leader')
    expect(step('abd(abc) a', '', late)).toBe('wait: the leader, a, does not answer')
    expect(step('abc+d a', '', { ...late, frozen: true })).toBe('wait: the range is frozen by t1')
    expect(step('abd(abc) a', 'a:serving b:9 d:9', { frozen: true })).toBe('wait: the range is frozen by t1')
  })

  it('hands over to nobody who is drained', () => {
    const nodes = [node('a', { duty: 'draining' }), node('b', { duty: 'draining' }), node('c'), node('d')]
    expect(step('abc+d c', 'c:serving a:9 b:9 d:9', { nodes })).toBe('wait: node c leads it and nobody else could')
  })

  it('waits for a target that is down, and gives up a shard that is gone', () => {
    const nodes = [node('a'), node('d', { status: 'down' })]
    expect(step('abc+d a', 'a:serving b:9 d:9', { nodes })).toBe('wait: node d is down')
    expect(step('abc+d a', '', { found: undefined })).toBe('close: this region does not own the shard any more')
  })
})

describe('what to move', () => {
  const world = (nodes: NodeRecord[], moves: ReplicaMove[] = []) => ({
    pages: [page('abc a')],
    nodes,
    moves,
    load: new Map(),
    wallMs: 1_000_000,
  })

  it('is what nodes hold that leave, or have left', () => {
    const all = ['a', 'b', 'd'].map((id) => node(id))
    expect(movesToBegin(world([...all, node('c')]))).toEqual([])
    expect(movesToBegin(world([...all, node('c', { duty: 'draining' })]))).toEqual([])
    const planned = [{ shardId: ID, from: 'c', to: 'd' }]
    expect(movesToBegin(world([...all, node('c', { duty: 'leaving' })]))).toEqual(planned)
    expect(movesToBegin(world([...all, node('c', { duty: 'decommissioned', status: 'down' })]))).toEqual(planned)
  })

  it('is nothing while enough is under way, nobody leads, or nobody could take it', () => {
    const leaving = ['a', 'b', 'd'].map((id) => node(id)).concat(node('c', { duty: 'leaving' }))
    const under = Array.from({ length: RegionLimits.movesMax }, () => MOVE)
    expect(movesToBegin(world(leaving, under))).toEqual([])
    expect(movesToBegin({ ...world(leaving), pages: [page('abc -')] })).toEqual([])
    expect(movesToBegin({ ...world(leaving), pages: [page('abc+d a')] })).toEqual([])
    const failed = [1, 2].map((at): ReplicaMove => ({ ...MOVE, phase: 'aborted', updatedWallMs: 999_000 + at }))
    expect([...suspectsOf(failed, 1_000_000)]).toEqual(['d'])
    expect(movesToBegin(world(leaving, failed))).toEqual([])
    expect([...suspectsOf(failed, 999_002 + RegionLimits.suspectMs)]).toEqual([])
  })
})

it('a record of a move comes back as it was', () => {
  expect(decodeMove(encodeMove({ ...MOVE, note: 'why "not"' }))).toEqual({ ...MOVE, note: 'why "not"' })
  expect(() => encodeMove({ ...MOVE, updatedWallMs: 1.5 })).toThrow(/is invalid/)
  expect(() => decodeMove(Buffer.from('{}'))).toThrow(/does not decode/)
})
