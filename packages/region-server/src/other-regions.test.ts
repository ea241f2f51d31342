import { RouteMap } from '@meridian/router'
import {
  encodeNode,
  encodePage,
  encodeRegion,
  epoch,
  EVERY_KEY,
  generation,
  keyspaceName,
  memberKey,
  nodeEpoch,
  nodeId,
  nodeKey,
  pageKey,
  rangeId,
  regionId,
  shardId,
  zoneId,
} from '@meridian/topology'
import type { Page, PageRole, RangeId, RegionId } from '@meridian/topology'
import { expect, test } from 'vitest'
import { FedRegions } from './other-regions.ts'

const [eu, us, ap] = ['eu', 'us', 'ap'].map(regionId) as [RegionId, RegionId, RegionId]
const one = rangeId(1)

function page(id: RangeId, role: PageRole, gen: number): Page {
  const facts = { shardId: shardId(id, 0), start: EVERY_KEY.start, epoch: epoch(1), replicas: [nodeId('n')] }
  return {
    ...EVERY_KEY,
    rangeId: id,
    keyspace: keyspaceName('cities'),
    role,
    generation: generation(gen),
    freeze: undefined,
    nextOrdinal: 1,
    shards: [{ ...facts, status: 'leaderless' }],
  }
}

function world() {
  const map = new RouteMap()
  for (const region of [eu, us, ap]) {
    const record = encodeRegion({ region, displayName: region, servers: [] })
    map.global.apply([{ key: memberKey(region), value: record }])
  }
  const listeners = new Set<() => void>()
  const others = new FedRegions(eu, {
    map,
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    follower: () => undefined,
  })
  const told: (readonly RangeId[] | undefined)[] = []
  others.subscribe((changed) => told.push(changed))
  return {
    others,
    told,
    put: (region: RegionId, put: Page) => {
      map.region(region).put(pageKey(put.rangeId), encodePage(put))
      for (const listener of listeners) listener()
    },
    remove: (region: RegionId, id: RangeId) => {
      map.region(region).remove(pageKey(id))
      for (const listener of listeners) listener()
    },
    node: (region: RegionId, address: string, life: number) => {
      const node = { nodeId: nodeId('n'), region, zone: zoneId('z'), address, capacity: 1, status: 'up' as const }
      map.region(region).put(nodeKey(node.nodeId), encodeNode({ ...node, nodeEpoch: nodeEpoch(life), duty: 'serving' }))
      for (const listener of listeners) listener()
    },
  }
}

test('the owner page of the highest generation counts, never one of this region', () => {
  const { others, put } = world()
  put(eu, page(one, 'owner', 9))
  expect(others.ownerPage(one)).toBeUndefined()
  put(us, page(one, 'owner', 2))
  put(ap, page(one, 'owner', 3))
  expect(others.ownerPage(one)).toMatchObject({ region: ap, page: { generation: 3n } })
  put(ap, page(one, 'standby', 4))
  expect(others.ownerPage(one)).toMatchObject({ region: us, page: { generation: 2n } })
})

test('standby pages come with the addresses of their nodes, once these are known', () => {
  const { others, put, node } = world()
  put(us, page(one, 'standby', 2))
  put(eu, page(one, 'standby', 2))
  const [found, ...more] = others.standbyPages(one)
  expect([found?.region, more]).toEqual([us, []])
  expect(found?.addressOf(nodeId('n'))).toBeUndefined()
  node(us, 'n.us:7001', 1)
  expect(others.standbyPages(one)[0]?.addressOf(nodeId('n'))).toBe('n.us:7001')
})

test('listeners hear of the ranges that changed, of all of them when an address did, and of nothing else', () => {
  const { told, put, remove, node } = world()
  put(us, page(one, 'owner', 2))
  put(us, page(rangeId(2), 'owner', 2))
  put(eu, page(rangeId(3), 'owner', 2))
  remove(us, one)
  node(us, 'n.us:7001', 1)
  node(us, 'n.us:7001', 2)
  node(us, 'n.us:7002', 3)
  expect(told).toEqual([[one], [rangeId(2)], [one], undefined, undefined])
})
