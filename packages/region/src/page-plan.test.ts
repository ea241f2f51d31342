import { epoch, keyOfText, nodeEpoch, nodeId, rangeId, regionId, shardId, zoneId } from '@meridian/topology'
import type { NodeRecord, Page, RangeId, Revision, Shard, ShardId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { vacate } from './page-leaders.ts'
import { planPages } from './page-plan.ts'
import type { PagePlan, PageWorld } from './page-world.ts'
import { RegionLimits } from './region-timing.ts'
import type { StoredPage } from './region-view.ts'
import { EU } from './rig.ts'
import { range } from './rig-ranges.ts'

/** `a b#2 c- d~ e!`: up in life 1, up in life 2, down, draining, leaving. */
function nodes(world: string): NodeRecord[] {
  return world.split(' ').map((text, index) => ({
    nodeId: nodeId(text.charAt(0)),
    region: regionId('eu'),
    zone: zoneId(`z${index}`),
    address: `${text.charAt(0)}.test:7001`,
    capacity: 100,
    nodeEpoch: nodeEpoch(Number(/#(\d+)/.exec(text)?.[1] ?? 1)),
    status: text.includes('-') ? 'down' : 'up',
    duty: text.endsWith('~') ? 'draining' : text.endsWith('!') ? 'leaving' : 'serving',
  }))
}

/**
 * `1:-m#1 1.0@ a, 1.1@g -`: the page of range 1 with shards on abc, led by a and by nobody, epochs 1. `1:-@us/eu`: a
 * standby page. `1:-=!t1`: frozen for t1 at revision 90.
 */
function page(text: string): Page {
  const [head = '', ...rest] = text.split(' ')
  const { rangeId: id, keyspace, generation, start, end, owner, status, operation } = range(head)
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
  const role = owner === EU ? 'owner' : 'standby'
  const freeze = status === 'frozen' ? { operation, revision: 90n as Revision } : undefined
  return { rangeId: id, keyspace, role, generation, freeze, start, end, nextOrdinal: 100, shards }
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
    rangesRevision: 100n as Revision,
    ownerPage: () => undefined,
    isUnfollowed: () => false,
    pages: new Map(stored),
    nodes: nodes('a b c'),
    replicaCount: 3,
    isHeld: () => false,
    wishes: new Map(),
    handOversMax: 16,
    isOverdue: () => false,
    ...more,
  }
}

/** What another region's page of the same notation looks like from here. */
function theirs(...pages: string[]): Pick<PageWorld, 'ownerPage'> {
  const known = new Map(pages.map(page).map((each) => [each.rangeId, { region: regionId('us'), page: each }]))
  return { ownerPage: (id) => known.get(id) }
}

/** `10,0: 1#2[1.0 a e1] -2` per transaction: revisions expected, pages put, pages deleted; `s` standby, `=t1` frozen. */
function text({ txns }: PagePlan): string[] {
  return txns.map((txn) => {
    const puts = txn.puts.map(({ rangeId: id, generation, shards, role, freeze }) => {
      const marks = `${role === 'standby' ? 's' : ''}${freeze === undefined ? '' : `=${freeze.operation}@${freeze.revision}`}`
      const body = shards.map((s) => `${s.shardId} ${s.status === 'assigned' ? s.leader : '-'} e${s.epoch}`)
      return `${id}#${generation}${marks}[${body.join(' ')}]`
    })
    return [`${[...txn.expects.values()].join(',')}:`, ...puts, ...txn.deletes.map((id) => `-${id}`)].join(' ')
  })
}

describe('leaders', () => {
  it('need nothing while all live', () => {
    expect(planPages(world(['1:-'], ['1:- 1.0@ a, 1.1@m b']))).toEqual({ txns: [], handOvers: [], refusals: [] })
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
    expect(text(planPages(world(['1:-'], [], { isOverdue: () => true })))).toEqual(['0: 1#1[1.0 a e1]'])
    expect(text(planPages(world(['1:-@us', '2:-?'], [], { isOverdue: () => true })))).toEqual([])
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

describe('ranges of other regions', () => {
  const us = theirs('1:- 1.0@ x, 1.1@m y')

  it("are followed with the owner's shards, and led by nobody", () => {
    const { txns } = planPages(world(['1:-@us/eu'], [], us))
    expect(text({ txns, handOvers: [], refusals: [] })).toEqual(['0: 1#1s[1.0 - e1 1.1 - e1]'])
    expect(txns[0]).toMatchObject({ purpose: 'follow', puts: [{ shards: [{ start: '' }, { start: 'm' }] }] })
    expect(txns[0]?.puts[0]?.shards.map(({ replicas }) => replicas.toSorted().join(''))).toEqual(['abc', 'abc'])
  })

  it.each([
    ['nobody asked this region', '1:-@us', us],
    ['its owner page is not known', '1:-@us/eu', theirs()],
    ['its owner page is of another generation', '1:-@us/eu#2', us],
    ['the page known is of a region that owns it no more', '1:-@ap/eu', us],
    ['nobody can have written to it', '1:-@us/eu?', us],
  ])('are not followed when %s', (_, text1, others) => {
    expect(planPages(world([text1], [], others))).toEqual({ txns: [], handOvers: [], refusals: [] })
  })

  it('wait for as many nodes as replicas, but not for ever', () => {
    const few = world(['1:-@us/eu'], [], { ...us, nodes: nodes('a b- c') })
    expect(text(planPages(few))).toEqual([])
    const late = planPages({ ...few, isOverdue: () => true })
    expect(late.txns[0]?.puts[0]?.shards.map(({ replicas }) => replicas.join(''))).toEqual(['ac', 'ac'])
    const none = planPages({ ...few, isOverdue: () => true, nodes: nodes('a- b-') })
    expect(none.txns).toEqual([])
    expect(none.refusals.map(({ error }) => error.code)).toEqual(['NOT_ENOUGH_NODES'])
  })

  it('keep their replicas through splits, merges and changes of their owner', () => {
    const before = ['1:-@us/eu 1.0@ -, 1.1@m -']
    const split = world(['1:-m@us/eu#2', '2:m-@us/eu#2'], before, theirs('1:-m#2 1.0@ x', '2:m-#2 1.1@m x'))
    expect(text(planPages(split))).toEqual(['10,0: 1#2s[1.0 - e1] 2#2s[1.1 - e1]'])
    expect(planPages(split).txns[0]?.puts[1]?.shards[0]?.replicas).toEqual(['a', 'b', 'c'])
    const merged = world(
      ['1:-@us/eu#3'],
      ['1:-m@us/eu#2 1.0@ -', '2:m-@us/eu#2 1.1@m -'],
      theirs('1:-#3 1.0@ x, 1.1@m x'),
    )
    expect(text(planPages(merged))).toEqual(['10,11: 1#3s[1.0 - e1 1.1 - e1] -2'])
    expect(text(planPages(world(['1:-@ap/eu/us#2'], before, us)))).toEqual(['10: 1#2s[1.0 - e1 1.1 - e1]'])
  })

  it('are made of what is known here while the feed is late, unless a shard is missing', () => {
    const split = world(['1:-m@us/eu#2', '2:m-@us/eu#2'], ['1:-@us/eu 1.0@ -, 1.1@m -'])
    expect(text(planPages(split))).toEqual(['10,0: 1#2s[1.0 - e1] 2#2s[1.1 - e1]'])
    const odd = world(['1:-k@us/eu#2', '2:k-@us/eu#2'], ['1:-@us/eu 1.0@ -, 1.1@m -'])
    expect(text(planPages(odd))).toEqual([])
    expect(text(planPages({ ...odd, ...theirs('1:-k#2 1.0@ x', '2:k-#2 2.0@k x') }))).toEqual([
      '10,0: 1#2s[1.0 - e1] 2#2s[2.0 - e1]',
    ])
  })

  it('lose their page once G surely shows that they are followed no more', () => {
    const left = world(['1:-@us'], ['1:-@us/eu 1.0@ -, 1.1@m -'], us)
    expect(text(planPages(left))).toEqual([])
    expect(text(planPages({ ...left, isUnfollowed: () => true }))).toEqual(['10: -1'])
    expect(text(planPages({ ...left, isUnfollowed: () => true, ranges: [] }))).toEqual([])
    expect(text(planPages({ ...left, isUnfollowed: () => true, ranges: [range('1:-@us/eu')] }))).toEqual([])
    // A newer generation is evidence by itself.
    expect(text(planPages(world(['1:-@us#2'], ['1:-@us/eu 1.0@ -'])))).toEqual(['10: -1'])
  })

  it('have no leaders, whatever happens to nodes', () => {
    const followed = world(['1:-@us/eu'], ['1:-@us/eu 1.0@ -'], { ...us, nodes: nodes('a#2 b- c') })
    expect(planPages(followed)).toEqual({ txns: [], handOvers: [], refusals: [] })
  })
})

describe('ranges that come and go', () => {
  it('come with the standby page: leaders under epoch 1, before everything else', () => {
    const taken = world(['1:-x@eu/us#2', '2:x-@us/eu'], ['1:-x@us/eu 1.0@ -, 1.1@m -'], theirs('2:x- 2.0@x y'))
    const plan = planPages(taken)
    expect(text(plan)).toEqual(['10: 1#2[1.0 a e1 1.1 b e1]', '0: 2#1s[2.0 - e1]'])
    expect(plan.txns.map(({ purpose }) => purpose)).toEqual(['own', 'follow'])
  })

  it('come by the thousand in few transactions', () => {
    const count = 4000
    const bound = (index: number) => (index === 0 ? '' : String(index).padStart(4, '0'))
    const at = (index: number) => `${index + 1}:${bound(index)}-${index + 1 === count ? '' : bound(index + 1)}`
    const ranges = Array.from({ length: count }, (_, index) => `${at(index)}@eu/us#2`)
    const pages = Array.from({ length: count }, (_, index) => `${at(index)}@us/eu ${index + 1}.0@${bound(index)} -`)
    const { txns } = planPages(world(ranges, pages))
    expect(txns).toHaveLength(count / RegionLimits.pagesPerTxnMax)
    const leaders = txns.flatMap(({ puts }) =>
      puts.flatMap(({ shards }) => shards.map((shard) => 'leader' in shard && shard.leader)),
    )
    for (const node of ['a', 'b', 'c']) expect(leaders.filter((leader) => leader === node).length).toBeGreaterThan(1300)
  })

  it('are not led while somebody here may still answer for them (R6)', () => {
    const taken = world(['1:-@eu/us#3'], ['1:-@us/eu#2 1.0@ -, 1.1@m -'], { isHeld: (id) => id === '1.0' })
    expect(text(planPages(taken))).toEqual(['10: 1#3[1.0 - e1 1.1 b e1]'])
  })

  it('are not opened empty when another region has led them', () => {
    const plan = planPages(world(['1:-@eu/us#2'], [], { ...theirs('1:- 1.0@ x'), isOverdue: () => true }))
    expect(plan.txns).toEqual([])
    expect(plan.refusals.map(({ error }) => error.message)).toEqual([expect.stringContaining('no copy of it here')])
  })

  it('leave a standby page behind, with the feed or without it', () => {
    const gone = world(['1:-@us/eu#2'], ['1:- 1.0@ a, 1.1@m b'])
    expect(text(planPages(gone))).toEqual(['10: 1#2s[1.0 - e1 1.1 - e1]'])
    expect(text(planPages({ ...gone, ...theirs('1:-#2 1.0@ x, 1.1@m y') }))).toEqual(['10: 1#2s[1.0 - e1 1.1 - e1]'])
    expect(text(planPages(world(['1:-@us#2'], ['1:- 1.0@ a'])))).toEqual(['10: -1'])
  })

  it('leave in part', () => {
    const pages = ['1:- 1.0@ a, 1.1@m b']
    expect(text(planPages(world(['1:-m#2', '2:m-@us/eu#3'], pages)))).toEqual(['10,0: 1#2[1.0 a e1] 2#3s[1.1 - e1]'])
    expect(text(planPages(world(['1:-m@us#3', '2:m-#2'], pages)))).toEqual(['0,10: 2#2[1.1 b e1] -1'])
  })

  it('leave their old page while it is all that knows where the copies are', () => {
    // Laid out for a vacant range and never led: elsewhere it may have been opened with other bounds.
    const laid = world(['1:-@us/eu#2'], ['1:- 1.0@ -, 1.1@m -'])
    expect(text(planPages(laid))).toEqual([])
    expect(text(planPages({ ...laid, ...theirs('1:-#2 1.0@ x') }))).toEqual(['10: 1#2s[1.0 - e1]'])
  })
})

describe('freezes (R13)', () => {
  it.each([
    ['', '1:-=!t1', 100, '10: 1#1=t1@100[1.0 a e2]'],
    ['', '1:->!t1', 100, undefined],
    ['', '1:-', 100, undefined],
    ['=!t1', '1:-=!t1', 100, undefined],
    ['=!t1', '1:-=!t1', 89, undefined],
    ['=!t1', '1:-', 90, '10: 1#1[1.0 a e2]'],
    ['=!t1', '1:-', 89, undefined],
    ['=!t1', '1:->!t2', 90, '10: 1#1[1.0 a e2]'],
    ['=!t1', '1:->!t1', 89, undefined],
    ['=!t1', '1:-=!t2', 95, '10: 1#1=t2@95[1.0 a e2]'],
    ['=!t1', '1:-=!t0', 80, undefined],
    ['=!t1', '1:-@us/eu#2', 95, '10: 1#2s[1.0 - e1]'],
    ['=!t1', '1:-#2', 80, '10: 1#2[1.0 a e1]'],
    ['=!t1', '1:-#2=!t2', 95, '10: 1#2=t2@95[1.0 a e2]'],
  ])('page %j, range %s at revision %i: %s', (mark, text1, revision, expected) => {
    const frozen = world([text1], [`1:-${mark} 1.0@ a`], { rangesRevision: BigInt(revision) as Revision })
    expect(text(planPages(frozen))).toEqual(expected === undefined ? [] : [expected])
  })

  it('are kept by everything else that happens to a page', () => {
    const down = world(['1:-=!t1'], ['1:-=!t1 1.0@ a, 1.1@m b'], { nodes: nodes('a#2- b c') })
    expect(text(planPages(down))).toEqual(['10: 1#1=t1@90[1.0 c e2 1.1 b e1]'])
    const both = world(['1:-=!t1'], ['1:- 1.0@ a, 1.1@m b'], { nodes: nodes('a#2- b c') })
    expect(planPages(both).txns).toMatchObject([{ purpose: 'own', shards: 2 }])
    expect(text(planPages(both))).toEqual(['10: 1#1=t1@100[1.0 c e3 1.1 b e2]'])
    expect(vacate(page('1:-=!t1 1.0@ a'), shardId(rangeId(1), 0)).freeze).toBeDefined()
  })
})

it('vacating a shard raises its epoch and names nobody', () => {
  const after = vacate(page('1:- 1.0@ a, 1.1@m b'), shardId(rangeId(1), 0))
  expect(after.shards[0]).toMatchObject({ status: 'leaderless', epoch: 2n })
  expect(after.shards[0]).not.toHaveProperty('leader')
  expect(after.shards[1]).toMatchObject({ status: 'assigned', epoch: 1n })
})
