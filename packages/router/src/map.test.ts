import { shardRecordOf } from '@meridian/protocol'
import {
  EMPTY_KEY,
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
import type { NodeRecord, Page, RangeDescriptor, RangeStatus } from '@meridian/topology'
import { beforeEach, describe, expect, it } from 'vitest'
import { RouteMap } from './map.ts'

const CITIES = keyspaceName('cities')
const EAST = regionId('us-east')
const NODES = ['n1', 'n2', 'n3'].map(nodeId)

function range(id: number, start: string, end: string, gen: number, status: RangeStatus = 'active'): RangeDescriptor {
  return {
    rangeId: rangeId(id),
    keyspace: CITIES,
    start: keyOfText(start),
    end: keyOfText(end),
    owner: EAST,
    standbys: [],
    generation: generation(gen),
    status,
    failover: 'auto',
    budgetMs: 0,
    operation: operationId('test'),
    stamp: { wallMs: 1, counter: 0, origin: 'test' },
  }
}

/** One shard per start; each `leader` an index into NODES. */
function page(of: RangeDescriptor, shards: { start: string; epoch: number; leader: number | undefined }[]): Page {
  return {
    rangeId: of.rangeId,
    keyspace: CITIES,
    generation: of.generation,
    start: of.start,
    end: of.end,
    role: 'owner',
    freeze: undefined,
    nextOrdinal: shards.length,
    shards: shards.map(({ start, epoch: at, leader }, ordinal) => {
      const facts = {
        shardId: shardId(of.rangeId, ordinal),
        start: keyOfText(start),
        epoch: epoch(at),
        replicas: NODES,
      }
      const node = leader === undefined ? undefined : NODES[leader]
      return node === undefined
        ? { ...facts, status: 'leaderless' }
        : { ...facts, status: 'assigned', leader: node, leaderNodeEpoch: nodeEpoch(1) }
    }),
  }
}

const node = (id: NodeRecord['nodeId'], i: number): NodeRecord => ({
  nodeId: id,
  region: EAST,
  zone: zoneId('a'),
  address: `127.0.0.1:${7000 + i}`,
  capacity: 1,
  nodeEpoch: nodeEpoch(1),
  status: 'up',
  duty: 'serving',
})

const nodes = new Map(NODES.map((id, i) => [id, node(id, i)]))

describe('RouteMap', () => {
  let map: RouteMap
  const putRange = (each: RangeDescriptor) => {
    map.global.apply([{ key: rangeKey(CITIES, each.start), value: encodeRange(each) }])
    map.changed()
  }
  const putPage = (each: Page) => {
    map.region(EAST).put(pageKey(each.rangeId), encodePage(each))
    map.changed()
  }
  const told = (key: string) => {
    const result = map.route(CITIES, keyOfText(key))
    return result.ok
      ? `${result.route.leader} ${result.route.token.generation}.${result.route.token.epoch}`
      : result.reason
  }

  beforeEach(() => {
    map = new RouteMap()
    for (const [id, record] of nodes) map.region(EAST).put(nodeKey(id), encodeNode(record))
  })

  it('routes by key to the leader of the shard', () => {
    const of = range(1, '', '', 1)
    putRange(of)
    putPage(
      page(of, [
        { start: '', epoch: 1, leader: 0 },
        { start: 'm', epoch: 4, leader: 2 },
      ]),
    )
    expect(['', 'lzz', 'm', 'zzz'].map(told)).toEqual(['n1 1.1', 'n1 1.1', 'n3 1.4', 'n3 1.4'])
    const last = map.route(CITIES, keyOfText('m'))
    expect(last).toMatchObject({ ok: true, route: { address: '127.0.0.1:7002', start: 'm', end: EMPTY_KEY } })
  })

  it('says why there is no route', () => {
    expect(told('a')).toBe('keyspace-unknown')
    putRange(range(1, '', '', 1, 'vacant'))
    expect(told('a')).toBe('vacant')
    putRange(range(1, '', '', 1))
    expect(told('a')).toBe('in-transition')
    putPage(page(range(1, '', '', 1), [{ start: '', epoch: 2, leader: undefined }]))
    expect(told('a')).toBe('leaderless')
  })

  it('counts a page only under the very generation its range has (I26)', () => {
    putRange(range(1, '', '', 5))
    for (const behindOrAhead of [4, 6]) {
      putPage(page(range(1, '', '', behindOrAhead), [{ start: '', epoch: 1, leader: 0 }]))
      expect(told('a')).toBe('in-transition')
    }
    putPage(page(range(1, '', '', 5), [{ start: '', epoch: 1, leader: 0 }]))
    expect(told('a')).toBe('n1 5.1')
  })

  it('adopts the newer record of a refusal until the map has caught up', () => {
    const of = range(1, '', '', 1)
    const old = page(of, [
      { start: '', epoch: 1, leader: 0 },
      { start: 'm', epoch: 1, leader: 0 },
    ])
    const newer = page(of, [
      { start: '', epoch: 1, leader: 0 },
      { start: 'm', epoch: 2, leader: 1 },
    ])
    putRange(of)
    putPage(old)
    expect(map.adopt(shardRecordOf(newer, 1, EAST, nodes))).toBe(true)
    expect([told('a'), told('n')]).toEqual(['n1 1.1', 'n2 1.2'])
    // What is known already, adopted or from the map itself, or known better, is no news.
    expect(map.adopt(shardRecordOf(newer, 1, EAST, nodes))).toBe(false)
    expect(map.adopt(shardRecordOf(old, 1, EAST, nodes))).toBe(false)
    expect(map.adopt(shardRecordOf(old, 0, EAST, nodes))).toBe(false)
    expect(told('n')).toBe('n2 1.2')
    putPage(
      page(of, [
        { start: '', epoch: 1, leader: 0 },
        { start: 'm', epoch: 3, leader: undefined },
      ]),
    )
    expect(told('n')).toBe('leaderless')
  })

  it('gives an adopted route up with its generation, before the page of the next one has come', () => {
    const of = range(1, '', '', 1)
    putRange(of)
    putPage(page(of, [{ start: '', epoch: 1, leader: 0 }]))
    const newer = page(of, [{ start: '', epoch: 2, leader: 1 }])
    expect(map.adopt(shardRecordOf(newer, 0, EAST, nodes))).toBe(true)
    const next = range(1, '', '', 2)
    putRange(next)
    expect(told('a')).toBe('in-transition')
    expect(map.adopt(shardRecordOf(newer, 0, EAST, nodes))).toBe(false)
    // The node that leads under it may be heard of before its page is.
    expect(map.adopt(shardRecordOf(page(next, [{ start: '', epoch: 1, leader: 2 }]), 0, EAST, nodes))).toBe(true)
    expect(told('a')).toBe('n3 2.1')
  })

  it('keeps an adopted route of a later generation over a map that is behind', () => {
    const of = range(1, '', '', 1)
    putRange(of)
    putPage(page(of, [{ start: '', epoch: 7, leader: 0 }]))
    const next = page(range(1, '', '', 2), [{ start: '', epoch: 1, leader: 2 }])
    expect(map.adopt(shardRecordOf(next, 0, EAST, nodes))).toBe(true)
    expect(told('a')).toBe('n3 2.1')
    putPage(page(of, [{ start: '', epoch: 8, leader: 1 }]))
    expect(told('a')).toBe('n3 2.1')
  })

  it('learns nothing from a record that names no leader', () => {
    const of = range(1, '', '', 1)
    putRange(of)
    putPage(page(of, [{ start: '', epoch: 1, leader: 0 }]))
    const leaderless = page(of, [{ start: '', epoch: 2, leader: undefined }])
    expect(map.adopt(shardRecordOf(leaderless, 0, EAST, nodes))).toBe(false)
    expect(told('a')).toBe('n1 1.1')
  })

  it('knows every replica that is up, in regions that only follow too, under the generation of the range', () => {
    const of = range(1, '', '', 3)
    const west = regionId('eu-west')
    const led = page(of, [
      { start: '', epoch: 4, leader: 1 },
      { start: 'm', epoch: 1, leader: 0 },
    ])
    const standby = (generation: number): Page => ({
      ...page(range(1, '', '', generation), [
        { start: '', epoch: 1, leader: undefined },
        { start: 'm', epoch: 1, leader: undefined },
      ]),
      role: 'standby',
    })
    putRange(of)
    putPage(led)
    for (const [id, record] of nodes) {
      const here = { ...record, region: west, address: record.address.replace('127.0.0.1', 'west') }
      map.region(west).put(nodeKey(id), encodeNode(id === 'n3' ? { ...here, status: 'down' } : here))
    }
    map.region(west).put(pageKey(of.rangeId), encodePage(standby(2)))
    const known = () => map.replicas(CITIES, keyOfText('n')).map(({ region, address }) => `${region} ${address}`)
    const home = ['us-east 127.0.0.1:7000', 'us-east 127.0.0.1:7001', 'us-east 127.0.0.1:7002']
    expect(known()).toEqual(home)
    map.region(west).put(pageKey(of.rangeId), encodePage(standby(3)))
    expect(known()).toEqual([...home, 'eu-west west:7000', 'eu-west west:7001'])
    expect(map.replicas(CITIES, keyOfText('n'))[3]).toMatchObject({ shardId: '1.1', start: 'm', leader: 'n1' })
    expect(map.replicas(keyspaceName('nowhere'), keyOfText('n'))).toEqual([])
  })
})
