import { silentLogger } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { RouteMap } from '@meridian/router'
import {
  encodeNode,
  encodePage,
  epoch,
  generation,
  keyOfText,
  keyspaceName,
  MeridianError,
  nodeEpoch,
  nodeId,
  nodeKey,
  operationId,
  pageKey,
  rangeId,
  regionId,
  shardId,
  zoneId,
} from '@meridian/topology'
import type { Page, RangeDescriptor, ShardId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { placesIn, RangeLoads } from './range-loads.ts'
import type { LogPosition, RangePlaces } from './range-loads.ts'

const US = regionId('us')
const EU = regionId('eu')

function range(id: number, change: Partial<RangeDescriptor> = {}): RangeDescriptor {
  return {
    rangeId: rangeId(id),
    keyspace: keyspaceName('cities'),
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

/** One shard, led at `us-1`, copied at three addresses of `eu`. */
const places = (of: RangeDescriptor, change: Partial<RangePlaces> = {}): RangePlaces => ({
  generation: of.generation,
  shards: [{ shardId: shardId(of.rangeId, 0), leader: 'us-1', standbys: new Map([[EU, ['eu-1', 'eu-2', 'eu-3']]]) }],
  ...change,
})

function loads(ranges: readonly RangeDescriptor[], placesOf = (of: RangeDescriptor) => places(of)) {
  const clock = new ManualClock()
  const indexes = new Map<string, bigint>()
  const silent = new Set<string>()
  const questions: { address: string; shards: readonly ShardId[] }[] = []
  const heard = new RangeLoads({
    ranges: () => ranges,
    places: placesOf,
    ask: (address, shards) => {
      questions.push({ address, shards })
      if (silent.has(address)) return Promise.reject(new MeridianError('UNAVAILABLE', 'nobody there'))
      const index = indexes.get(address) ?? 0n
      return Promise.resolve(
        shards.map((shard): LogPosition => ({ shardId: shard, lastIndex: index, commitIndex: index })),
      )
    },
    clock,
    log: silentLogger,
  })
  const round = (at: Readonly<Record<string, bigint>>): Promise<void> => {
    for (const [address, index] of Object.entries(at)) indexes.set(address, index)
    return heard.round(AbortSignal.timeout(5000))
  }
  return { heard, round, clock, silent, questions }
}

describe('the load of a range', () => {
  it('is how fast its leaders commit, and what a quorum of a standby lacks', async () => {
    const { heard, round, clock } = loads([range(1)])
    expect(heard.load(rangeId(1))).toBeUndefined()
    await round({ 'us-1': 1000n, 'eu-1': 1000n, 'eu-2': 940n, 'eu-3': 0n })
    expect(heard.load(rangeId(1))).toMatchObject({ writesPerS: 0, lagEntries: new Map([[EU, 60n]]) })
    await clock.advance(5000)
    await round({ 'us-1': 2000n })
    expect(heard.load(rangeId(1))).toMatchObject({ writesPerS: 200, lagEntries: new Map([[EU, 1060n]]) })
  })

  it('starts anew under another generation, and keeps its rate until a new one is measured', async () => {
    const of = range(1)
    let now = of
    const { heard, round, clock } = loads([of], () => places(now))
    await round({ 'us-1': 0n })
    await clock.advance(1000)
    await round({ 'us-1': 50n })
    now = range(1, { generation: generation(5) })
    await clock.advance(1000)
    await round({ 'us-1': 9000n })
    expect(heard.load(rangeId(1))?.writesPerS).toBe(50)
  })

  it('lacks what too few told, and is not told when its leader is silent or it is long ago', async () => {
    const { heard, round, clock, silent } = loads([range(1)])
    silent.add('eu-1').add('eu-2')
    await round({ 'us-1': 10n, 'eu-3': 10n })
    expect(heard.load(rangeId(1))?.lagEntries).toEqual(new Map())
    await clock.advance(121_000)
    expect(heard.load(rangeId(1))).toBeUndefined()
    silent.add('us-1')
    await round({})
    expect(heard.load(rangeId(1))).toBeUndefined()
  })

  it('is asked for so many shards at a time, in turn, and forgotten with the range', async () => {
    const ranges = [1, 2, 3].map((id) => range(id))
    const wide = (of: RangeDescriptor): RangePlaces => ({
      generation: of.generation,
      shards: Array.from({ length: 1024 }, (_, at) => ({
        shardId: shardId(of.rangeId, at),
        leader: 'us-1',
        standbys: new Map(),
      })),
    })
    const { heard, round, questions } = loads(ranges, wide)
    const known = () => ranges.map(({ rangeId: id }) => heard.load(id) !== undefined)
    await round({ 'us-1': 1n })
    expect(known()).toEqual([true, true, false])
    expect(questions.map(({ shards }) => shards.length)).toEqual([512, 512, 512, 512])
    await round({})
    expect(known()).toEqual([true, true, true])
    ranges.length = 1
    await round({})
    expect(heard.load(rangeId(2))).toBeUndefined()
  })

  it('is none of a vacant range and of one whose page is not seen', async () => {
    const { heard, round, questions } = loads([range(1, { status: 'vacant' }), range(2)], () => undefined as never)
    await round({ 'us-1': 1n })
    expect(questions).toEqual([])
    expect(heard.load(rangeId(1))).toBeUndefined()
  })
})

describe('where a range is led and copied', () => {
  const page = (of: RangeDescriptor, role: Page['role'], nodes: readonly string[], gen = 4): Page => {
    const shard = { shardId: shardId(of.rangeId, 0), start: of.start, epoch: epoch(1), replicas: nodes.map(nodeId) }
    const leader = { status: 'assigned' as const, leader: nodeId(nodes[0] ?? ''), leaderNodeEpoch: nodeEpoch(1) }
    return {
      rangeId: of.rangeId,
      keyspace: of.keyspace,
      role,
      generation: generation(gen),
      freeze: undefined,
      start: of.start,
      end: of.end,
      nextOrdinal: 1,
      shards: [role === 'owner' ? { ...shard, ...leader } : { ...shard, status: 'leaderless' }],
    }
  }

  it('is told from pages of its generation and from nodes that are known', () => {
    const map = new RouteMap()
    const of = range(1)
    for (const [region, id] of [
      [US, 'us-n1'],
      [EU, 'eu-n1'],
    ] as const) {
      const node = {
        nodeId: nodeId(id),
        region,
        zone: zoneId('a'),
        address: `${id}.test:1`,
        capacity: 1,
        nodeEpoch: nodeEpoch(1),
        status: 'up' as const,
        duty: 'serving' as const,
      }
      map.region(region).put(nodeKey(node.nodeId), encodeNode(node))
    }
    const placesOf = placesIn((region) => ({
      page: (id) => map.region(region).pages.get(id),
      addressOf: (node) => map.region(region).nodes.get(node)?.address,
    }))
    expect(placesOf(of)).toBeUndefined()
    map.region(US).put(pageKey(of.rangeId), encodePage(page(of, 'owner', ['us-n1', 'us-n2'])))
    map.region(EU).put(pageKey(of.rangeId), encodePage(page(of, 'standby', ['eu-n1', 'eu-n2'])))
    expect(placesOf(of)).toEqual({
      generation: 4n,
      shards: [{ shardId: '1.0', leader: 'us-n1.test:1', standbys: new Map([[EU, ['eu-n1.test:1', undefined]]]) }],
    })
    map.region(EU).put(pageKey(of.rangeId), encodePage(page(of, 'standby', ['eu-n1'], 3)))
    expect(placesOf(of)?.shards[0]?.standbys).toEqual(new Map())
    expect(placesOf({ ...of, generation: generation(5) })).toBeUndefined()
  })
})
