import { describe, expect, it } from 'vitest'
import { MeridianClient } from '@meridian/client'
import {
  encodeNode,
  encodePage,
  encodeRange,
  epoch,
  generation,
  keyOfText,
  keyspaceName,
  nodeEpoch,
  nodeId,
  nodeKey,
  operationId,
  pageKey,
  rangeId,
  rangeKey,
  regionId,
  shardId,
  zoneId,
} from '@meridian/topology'
import type { NodeRecord, Page, RangeDescriptor } from '@meridian/topology'
import { carriedOver, mapChanges } from './map-changes.ts'
import { viewOf } from './map-view.ts'
import type { MapView } from './map-view.ts'
import { changeJson, changeLine } from './print/map-changes.ts'
import { plain } from './print/paint.ts'
import { keyspaceLines, rangeLines, summarizeKeyspaces } from './print/ranges.ts'
import { shardLines } from './print/shards.ts'
import { silentBus } from './silent-bus.ts'

const cities = keyspaceName('cities')
const layout = { width: 80, paint: plain }

function range(id: number, start: string, end: string, change: Partial<RangeDescriptor> = {}): RangeDescriptor {
  return {
    rangeId: rangeId(id),
    keyspace: cities,
    start: keyOfText(start),
    end: keyOfText(end),
    owner: regionId('us'),
    standbys: [regionId('eu')],
    generation: generation(1),
    status: 'active',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId('test'),
    stamp: { wallMs: 1, counter: 0, origin: 'us' },
    ...change,
  }
}

/** One shard per range, led by `leader`. */
function page(of: RangeDescriptor, leader: string, ep: bigint): Page {
  const shard = {
    shardId: shardId(of.rangeId, 0),
    start: of.start,
    epoch: epoch(ep),
    replicas: [nodeId('n1'), nodeId('n2')],
    status: 'assigned' as const,
    leader: nodeId(leader),
    leaderNodeEpoch: nodeEpoch(1),
  }
  const { rangeId: id, keyspace, generation: gen, start, end } = of
  return {
    rangeId: id,
    keyspace,
    role: 'owner',
    generation: gen,
    freeze: undefined,
    start,
    end,
    nextOrdinal: 1,
    shards: [shard],
  }
}

const node = (id: string, region: string): NodeRecord => ({
  nodeId: nodeId(id),
  region: regionId(region),
  zone: zoneId('a'),
  address: `${id}.test:1`,
  capacity: 1,
  nodeEpoch: nodeEpoch(1),
  status: 'up',
  duty: 'serving',
})

/** The view of a real map that was told of these records. */
async function view(ranges: readonly RangeDescriptor[], pages: readonly Page[]): Promise<MapView> {
  await using client = new MeridianClient({ servers: [], bus: silentBus })
  const { map } = client.router
  map.global.reset(ranges.map((each) => [rangeKey(each.keyspace, each.start), encodeRange(each)]))
  for (const region of ['us', 'eu']) {
    const regional = map.region(regionId(region))
    for (const id of ['n1', 'n2']) regional.put(nodeKey(nodeId(id)), encodeNode(node(id, region)))
  }
  for (const each of pages) {
    const owner = ranges.find(({ rangeId: id }) => id === each.rangeId)?.owner ?? regionId('us')
    map.region(owner).put(pageKey(each.rangeId), encodePage(each))
  }
  return viewOf(map)
}

const told = (before: MapView, after: MapView): string[] => mapChanges(before, after).map(changeLine)

describe('what the map says', () => {
  it('is nothing of a page under another generation', async () => {
    const one = range(1, '', 'm')
    const two = range(2, 'm', '', { generation: generation(5) })
    const seen = await view([one, two], [page(one, 'n1', 1n), page({ ...two, generation: generation(4) }, 'n1', 1n)])
    expect([...seen.shards.keys()]).toEqual(['1.0'])
    expect(seen.unseen).toEqual([2])
    expect(shardLines([...seen.shards.values()], layout)).toEqual([
      'shard  keyspace  start  end  region  leader  token  copies',
      '1.0    cities           m    us      n1      g1.e1       2',
    ])
  })

  it('is listed by range and by keyspace', () => {
    const ranges = [range(1, '', 'm\u0001'), range(2, 'm\u0001', '', { status: 'vacant', owner: regionId('ap') })]
    expect(rangeLines(ranges, layout)).toEqual([
      'range  keyspace  start  end    owner  standbys  gen  status',
      '    1  cities           m\\x01  us     eu          1  active',
      '    2  cities    m\\x01  ∞      ap     eu          1  vacant',
    ])
    expect(keyspaceLines(summarizeKeyspaces(ranges), layout)).toEqual([
      'keyspace  ranges  active  vacant  owners',
      'cities         2       1       1  us 1, ap 1',
    ])
  })

  it('fits 80 columns with the longest keys', () => {
    const ranges = [range(1, '', 'k'.repeat(1024)), range(2 ** 32 - 1, 'k'.repeat(1024), '\u001b'.repeat(400))]
    for (const line of rangeLines(ranges, layout)) expect(line.length).toBeLessThanOrEqual(80)
  })
})

describe('a change', () => {
  const one = range(1, '', '')

  it('is none when nothing is different', async () => {
    expect(told(await view([one], [page(one, 'n1', 1n)]), await view([one], [page(one, 'n1', 1n)]))).toEqual([])
  })

  it('of the leader', async () => {
    const after = await view([one], [page(one, 'n2', 2n)])
    expect(told(await view([one], [page(one, 'n1', 1n)]), after)).toEqual([
      'shard 1.0 cities [, ∞): leader n1 -> n2, g1.e2, us',
    ])
  })

  it('of the owner, whose shards are news only once they are seen again', async () => {
    const moved = range(1, '', '', { owner: regionId('eu'), standbys: [regionId('us')], generation: generation(2) })
    const before = await view([one], [page(one, 'n1', 1n)])
    const between = await view([moved], [])
    expect(told(before, between)).toEqual([
      'range 1 cities [, ∞): owner us -> eu, generation 1 -> 2, standbys eu -> us',
    ])
    const after = await view([moved], [page(moved, 'n2', 1n)])
    expect(told(carriedOver(before, between), after)).toEqual(['shard 1.0 cities [, ∞): leader n1 -> n2, g2.e1, eu'])
  })

  it('of the bounds, by a split', async () => {
    const left = range(1, '', 'm', { generation: generation(2) })
    const right = range(2, 'm', '', { generation: generation(2), status: 'vacant' })
    const changes = mapChanges(await view([one], []), await view([left, right], []))
    expect(changes.map(changeLine)).toEqual([
      'range 1 cities [, m): generation 1 -> 2, was [, ∞)',
      'range 2 cities [m, ∞): new, vacant, owner us, generation 2',
    ])
    expect(changes.map((change) => changeJson(change, 'T'))).toMatchObject([
      { time: 'T', kind: 'range-changed', range: { rangeId: 1, end: 'm' }, before: { end: null } },
      { time: 'T', kind: 'range-created', range: { rangeId: 2, start: 'm', status: 'vacant' }, before: null },
    ])
  })
})
