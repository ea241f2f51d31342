import {
  EVERY_KEY,
  epoch,
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
import type { NodeRecord, Page, RangeDescriptor, Revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { initialState, step } from './controller-core.ts'
import type { ControllerEvent, ControllerState } from './controller-core.ts'
import { REGION_TIMING } from './region-timing.ts'
import { EU } from './rig.ts'

const { nodeWaitMs, storeGapMsMax } = REGION_TIMING
const A = nodeId('a')
const NODE: NodeRecord = {
  nodeId: A,
  region: regionId('eu'),
  zone: zoneId('z1'),
  address: 'a.test:7001',
  capacity: 100,
  nodeEpoch: nodeEpoch(1),
  status: 'up',
  duty: 'serving',
}
const G = { rangesRevision: 100n as Revision, ownerPage: () => undefined }
const WORLD = { ...G, nodes: [NODE], pages: new Map(), ranges: [] }

/** Looks at an unmoved counter, at these times, in these Raft terms; who was condemned at the last of them. */
function condemnedAfter(
  looks: readonly (readonly [nowMs: number, raftTerm: bigint] | 'troubled')[],
): readonly string[] {
  let state: ControllerState = initialState({ region: EU, replicaCount: 3, timing: REGION_TIMING })
  let condemned: string[] = []
  for (const look of looks) {
    const event: ControllerEvent =
      look === 'troubled'
        ? { kind: 'troubled' }
        : {
            kind: 'looked',
            nowMs: look[0],
            raftTerm: look[1],
            renewals: { elect: 1n as Revision, counts: new Map([[A, { nodeEpoch: nodeEpoch(1), counter: 7n }]]) },
            renewalsRevision: 5n as Revision,
            world: WORLD,
          }
    const [next, effects] = step(state, event)
    state = next
    condemned = effects.flatMap((effect) => (effect.kind === 'condemn' ? effect.lives.map(({ nodeId: id }) => id) : []))
  }
  return condemned
}

/** Every 500 ms from `fromMs` to `toMs`. */
function steady(fromMs: number, toMs: number, term: bigint): (readonly [number, bigint])[] {
  return Array.from({ length: Math.floor((toMs - fromMs) / 500) + 1 }, (_, index) => [fromMs + 500 * index, term])
}

describe('the wait for a silent node (R5)', () => {
  const end = Math.ceil(nodeWaitMs / 500) * 500

  it('ends with W_N of steady looks', () => {
    expect(condemnedAfter(steady(0, end - 500, 1n))).toEqual([])
    expect(condemnedAfter(steady(0, end, 1n))).toEqual(['a'])
  })

  it('starts over after a gap between looks, whatever made it', () => {
    const resumed = 3000 + storeGapMsMax + 1
    const before = steady(0, 3000, 1n)
    expect(condemnedAfter([...before, ...steady(resumed, end + 500, 1n)])).toEqual([])
    expect(condemnedAfter([...before, ...steady(resumed, resumed + end, 1n)])).toEqual(['a'])
    // One look after a long stop is no evidence at all.
    expect(condemnedAfter([...before, [10 * nodeWaitMs, 1n]])).toEqual([])
  })

  it('starts over with a new Raft term', () => {
    expect(condemnedAfter([...steady(0, 3000, 1n), ...steady(3500, end + 500, 2n)])).toEqual([])
    expect(condemnedAfter([...steady(0, 3000, 1n), ...steady(3500, 3500 + end, 2n)])).toEqual(['a'])
  })

  it('starts over after a failed commit', () => {
    expect(condemnedAfter([...steady(0, 3000, 1n), 'troubled', ...steady(3500, end + 500, 1n)])).toEqual([])
  })
})

describe('a wish for the next leader', () => {
  const ids = ['a', 'b', 'c'].map(nodeId)
  const nodes = ids.map((id) => ({ ...NODE, nodeId: id }))
  const shard = shardId(rangeId(1), 0)
  const range: RangeDescriptor = {
    ...EVERY_KEY,
    rangeId: rangeId(1),
    keyspace: keyspaceName('k'),
    owner: EU,
    standbys: [],
    generation: generation(1),
    status: 'active',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId('op'),
    stamp: { wallMs: 1, counter: 0, origin: 'a' },
  }
  const page = (at: number, led: boolean): Page => {
    const facts = { shardId: shard, start: EVERY_KEY.start, epoch: epoch(at), replicas: ids }
    return {
      ...EVERY_KEY,
      rangeId: range.rangeId,
      keyspace: range.keyspace,
      generation: range.generation,
      role: 'owner',
      freeze: undefined,
      nextOrdinal: 1,
      shards: [
        led
          ? { ...facts, status: 'assigned', leader: A, leaderNodeEpoch: nodeEpoch(1) }
          : { ...facts, status: 'leaderless' },
      ],
    }
  }
  const look = (state: ControllerState, stored: Page, nowMs: number) =>
    step(state, {
      kind: 'looked',
      nowMs,
      raftTerm: 1n,
      renewals: undefined,
      renewalsRevision: 5n as Revision,
      world: {
        ...G,
        nodes,
        pages: new Map([[range.rangeId, { page: stored, modRevision: 1n as Revision }]]),
        ranges: [range],
      },
    })
  const written = (effects: ReturnType<typeof step>[1]) =>
    effects.flatMap((effect) => (effect.kind === 'write-pages' ? effect.txn.puts.flatMap(({ shards }) => shards) : []))

  it('outlives a look at E from before nobody led, and is fulfilled by the first one after', () => {
    const start = initialState({ region: EU, replicaCount: 3, timing: REGION_TIMING })
    const [wished] = step(start, { kind: 'wished', shardId: shard, wish: { target: nodeId('c'), token: token(1, 2) } })
    const [early, none] = look(wished, page(1, true), 0)
    expect(written(none)).toEqual([])
    const [, effects] = look(early, page(2, false), 100)
    expect(written(effects)).toMatchObject([{ status: 'assigned', leader: 'c', epoch: 3n }])
  })

  it('is past once the shard has gone on without it', () => {
    const start = initialState({ region: EU, replicaCount: 3, timing: REGION_TIMING })
    const [wished] = step(start, { kind: 'wished', shardId: shard, wish: { target: nodeId('c'), token: token(1, 2) } })
    const [later] = look(wished, page(3, true), 0)
    expect(later.wishes.size).toBe(0)
  })
})
