import { epoch, keyOfText, nodeEpoch, nodeId, rangeId, regionId, shardId, zoneId } from '@meridian/topology'
import type { NodeRecord, Page, RangeId, Revision, Shard, ShardId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { planPages, vacate } from './page-plan.ts'
import type { PagePlan, PageWorld } from './page-plan.ts'
import { RegionLimits } from './region-timing.ts'
import type { StoredPage } from './region-view.ts'
import { EU, range } from './rig.ts'

/** `a b#2 c-`: up in life 1, up in life 2, down. */
function nodes(world: string): NodeRecord[] {
  return world.split(' ').map((text, index) => ({
    nodeId: nodeId(text.charAt(0)),
    region: regionId('eu'),
    zone: zoneId(`z${index}`),
    address: `${text.charAt(0)}.test:7001`,
    capacity: 100,
    nodeEpoch: nodeEpoch(Number(/#(\d+)/.exec(text)?.[1] ?? 1)),
    status: text.endsWith('-') ? 'down' : 'up',
  }))
}

/** `1:-m#1 1.0@ a, 1.1@g -`: the page of range 1 with shards on abc, led by a and by nobody, epochs 1. */
function page(text: string): Page {
  const [head = '', ...rest] = text.split(' ')
  const { rangeId: id, keyspace, generation, start, end } = range(head)
  const shards = rest
    .join(' ')
    .split(', ')
    .map((each): Shard => {
      const [name = '', leader = '-'] = each.split(' ')
      const [ids = '', at = ''] = name.split('@')
      const [born = '', ordinal = ''] = ids.split('.')
      const facts = {
        shardId: shardId(rangeId(Number(born)), Number(ordinal)),
        start: keyOfText(at),
        epoch: epoch(1),
        replicas: [nodeId('a'), nodeId('b'), nodeId('c')],
      }
      return leader === '-'
        ? { ...facts, status: 'leaderless' }
        : { ...facts, status: 'assigned', leader: nodeId(leader), leaderNodeEpoch: nodeEpoch(1) }
    })
  return { rangeId: id, keyspace, role: 'owner', generation, freeze: undefined, start, end, nextOrdinal: 100, shards }
}

function world(ranges: string[], pages: string[], more: Partial<PageWorld> = {}): PageWorld {
  const stored = pages
    .map(page)
    .map((each, index): [RangeId, StoredPage] => [
      each.rangeId,
      { page: each, modRevision: BigInt(index + 10) as Revision },
    ])
  return {
    region: EU,
    ranges: ranges.map(range),
    pages: new Map(stored),
    nodes: nodes('a b c'),
    replicaCount: 3,
    isHeld: () => false,
    wishes: new Map(),
    mayOpen: () => false,
    ...more,
  }
}

/** `10,0: 1#2[1.0 a e1] -2` per transaction: revisions expected, pages put, pages deleted. */
function text({ txns }: PagePlan): string[] {
  return txns.map((txn) => {
    const puts = txn.puts.map(
      ({ rangeId: id, generation, shards }) =>
        `${id}#${generation}[${shards.map((s) => `${s.shardId} ${s.status === 'assigned' ? s.leader : '-'} e${s.epoch}`).join(' ')}]`,
    )
    return [`${[...txn.expects.values()].join(',')}:`, ...puts, ...txn.deletes.map((id) => `-${id}`)].join(' ')
  })
}

describe('leaders', () => {
  it('need nothing while all live', () => {
    expect(planPages(world(['1:-'], ['1:- 1.0@ a, 1.1@m b']))).toEqual({ txns: [], refusals: [] })
  })

  it('of a node that is down, or lives another life, pass on with epoch + 1', () => {
    const down = world(['1:-'], ['1:- 1.0@ a, 1.1@m b'], { nodes: nodes('a#2- b c') })
    expect(text(planPages(down))).toEqual(['10: 1#1[1.0 c e2 1.1 b e1]'])
    const restarted = world(['1:-'], ['1:- 1.0@ a, 1.1@m b'], { nodes: nodes('a#2 b c') })
    expect(text(planPages(restarted))).toEqual(['10: 1#1[1.0 a e2 1.1 b e1]'])
  })

  it('are not named for shards that are held (R6), or whose range is not active (R7)', () => {
    const pages = ['1:- 1.0@ -, 1.1@m a']
    expect(text(planPages(world(['1:-'], pages)))).toEqual(['10: 1#1[1.0 b e2 1.1 a e1]'])
    const held = (id: ShardId) => id === '1.0'
    expect(text(planPages(world(['1:-'], pages, { isHeld: held })))).toEqual([])
    expect(text(planPages(world(['1:-?'], pages)))).toEqual([])
    expect(text(planPages(world([], pages)))).toEqual([])
    const both = world(['1:-'], pages, { isHeld: held, nodes: nodes('a#2- b c') })
    expect(text(planPages(both))).toEqual(['10: 1#1[1.0 - e1 1.1 c e2]'])
  })

  it('are none for a page of a generation that G gave to another region', () => {
    const foreign = [{ ...range('1:-'), owner: regionId('us') }]
    const stray = world([], ['1:- 1.0@ a'], { nodes: nodes('a#2- b c'), ranges: foreign })
    expect(text(planPages(stray))).toEqual([])
    expect(text(planPages({ ...stray, ranges: [range('1:-')] }))).toHaveLength(1)
  })

  it('are those wished for, if they can', () => {
    const pages = ['1:- 1.0@ -, 1.1@m a']
    const wishes = new Map([[shardId(rangeId(1), 0), nodeId('c')]])
    expect(text(planPages(world(['1:-'], pages, { wishes })))).toEqual(['10: 1#1[1.0 c e2 1.1 a e1]'])
    const gone = world(['1:-'], pages, { wishes, nodes: nodes('a b c-') })
    expect(text(planPages(gone))).toEqual(['10: 1#1[1.0 b e2 1.1 a e1]'])
  })

  it('of many pages change in bounded transactions, the most shards first', () => {
    const ranges: string[] = []
    const pages: string[] = []
    for (let id = 1; id <= 100; id += 1) {
      const start = String(id).padStart(3, '0')
      const end = String(id + 1).padStart(3, '0')
      ranges.push(`${id}:${start}-${end}`)
      const big = id > 90 ? `, ${id}.1@${start}x a` : ''
      pages.push(`${id}:${start}-${end} ${id}.0@${start} a${big}`)
    }
    const { txns } = planPages(world(ranges, pages, { nodes: nodes('a#2- b c') }))
    expect(txns.map(({ puts }) => puts.length)).toEqual([32, 32, 32, 4])
    expect(txns.map(({ shards }) => shards)).toEqual([42, 32, 32, 4])
    const led = txns.flatMap(({ puts }) => puts.flatMap(({ shards }) => shards))
    const byB = led.filter((shard) => shard.status === 'assigned' && shard.leader === 'b').length
    expect(byB).toBe(led.length / 2)
  })
})

describe('generations (I6)', () => {
  it('a split is one transaction over all its pages', () => {
    const split = world(['1:-m#2', '2:m-#2'], ['1:- 1.0@ a, 1.1@m b'])
    expect(text(planPages(split))).toEqual(['10,0: 1#2[1.0 a e1] 2#2[1.1 b e1]'])
  })

  it('a merge replaces one page and deletes the other', () => {
    const merged = world(['1:-#3'], ['1:-m#2 1.0@ a', '2:m-#2 1.1@m b'])
    expect(text(planPages(merged))).toEqual(['10,11: 1#3[1.0 a e1 1.1 b e1] -2'])
  })

  it('a held shard stays without a leader through a split', () => {
    const split = world(['1:-m#2', '2:m-#2'], ['1:- 1.0@ -, 1.1@m b'], { isHeld: (id) => id === '1.0' })
    expect(text(planPages(split))).toEqual(['10,0: 1#2[1.0 - e1] 2#2[1.1 b e1]'])
  })

  it('pages go only where G shows newer ranges for all their keys', () => {
    const pages = ['1:- 1.0@ a, 1.1@m b']
    expect(text(planPages(world([], pages)))).toEqual([])
    expect(text(planPages(world(['1:-m@us#2'], pages)))).toEqual([])
    expect(text(planPages(world(['1:-m#2', '2:n-#2'], pages)))).toEqual([])
    expect(text(planPages(world(['1:-@us'], pages)))).toEqual([])
    expect(text(planPages(world(['1:-@us#2'], pages)))).toEqual(['10: -1'])
  })

  it('a view of G behind the pages changes nothing', () => {
    expect(text(planPages(world(['1:-'], ['1:-m#2 1.0@ a', '2:m-#2 1.1@m b'])))).toEqual([])
  })

  it('a range that never had a page is opened only when it may', () => {
    expect(text(planPages(world(['1:-'], [])))).toEqual([])
    expect(text(planPages(world(['1:-'], [], { mayOpen: () => true })))).toEqual(['0: 1#1[1.0 a e1]'])
    expect(text(planPages(world(['1:-@us', '2:-?'], [], { mayOpen: () => true })))).toEqual([])
  })

  it('what cannot be adopted is said, and leaders go on failing over', () => {
    const odd = world(['1:-k#2', '2:k-#2'], ['1:- 1.0@ a, 1.1@m b'], { nodes: nodes('a#2- b c') })
    const plan = planPages(odd)
    expect(plan.refusals.map(({ error }) => error.code)).toEqual(['SPLIT_NOT_AT_SHARD_BOUND'])
    expect(text(plan)).toEqual(['10: 1#1[1.0 c e2 1.1 b e1]'])
  })

  it('a family too large for one transaction comes in stages that lose no shard', () => {
    const count = RegionLimits.pagesPerAdoptionMax + 60
    const bound = (index: number) => (index === 0 ? '' : String(index).padStart(3, '0'))
    const shards = Array.from({ length: count }, (_, index) => `1.${index}@${bound(index)} a`)
    const old = { ...page(`1:- ${shards.join(', ')}`), nextOrdinal: count }
    const ranges = Array.from({ length: count }, (_, index) =>
      range(`${index + 1}:${bound(index)}-${index + 1 === count ? '' : bound(index + 1)}#2`),
    )
    let pages = new Map<RangeId, StoredPage>([[old.rangeId, { page: old, modRevision: 10n as Revision }]])
    let revision = 10n
    for (let round = 0; ; round += 1) {
      expect(round).toBeLessThan(10)
      const { txns } = planPages({ ...world([], []), ranges, pages })
      const [txn] = txns
      if (txn === undefined) break
      expect(txn.expects.size).toBeLessThanOrEqual(RegionLimits.pagesPerAdoptionMax)
      revision += 1n
      const next = new Map(pages)
      for (const each of txn.puts) next.set(each.rangeId, { page: each, modRevision: revision as Revision })
      for (const id of txn.deletes) next.delete(id)
      pages = next
      const known = new Set([...pages.values()].flatMap((each) => each.page.shards.map((shard) => shard.shardId)))
      expect(known.size).toBe(count)
    }
    expect([...pages.values()].every((each) => each.page.generation === 2n && each.page.shards.length === 1)).toBe(true)
  })
})

it('vacating a shard raises its epoch and names nobody', () => {
  const after = vacate(page('1:- 1.0@ a, 1.1@m b'), shardId(rangeId(1), 0))
  expect(after.shards[0]).toMatchObject({ status: 'leaderless', epoch: 2n })
  expect(after.shards[0]).not.toHaveProperty('leader')
  expect(after.shards[1]).toMatchObject({ status: 'assigned', epoch: 1n })
})
