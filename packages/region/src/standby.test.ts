import { keyOfText, nodeId, rangeId } from '@meridian/topology'
import type { Page } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { AssignmentUpdate } from './assignments.ts'
import { REGION_TIMING } from './region-timing.ts'
import { Rig } from './rig.ts'
import type { RigServer } from './rig.ts'
import { range } from './rig-ranges.ts'

/** Two shards on three nodes of this region, and what node `a` is told of them from then on. */
async function opened(text = '1:-@eu/us') {
  const rig = new Rig()
  const server = await rig.server('s1')
  await rig.pass(1000)
  await rig.join('a@z1 b@z2 c@z3')
  rig.ranges.set(text)
  await server.controller.openRange(range(text), [keyOfText('m')], rig.signal)
  await rig.pass(3000)
  const told = toldTo(rig, server, 'a')
  await rig.clock.advance(0)
  return { rig, server, told }
}

function toldTo(rig: Rig, server: RigServer, node: string): AssignmentUpdate[] {
  const updates: AssignmentUpdate[] = []
  void (async () => {
    for await (const update of server.assignments(nodeId(node), rig.signal)) updates.push(update)
  })()
  return updates
}

const pageOf = (server: RigServer): Page | undefined => server.view.pages.get(rangeId(1))?.page
const leadersOf = (page: Page | undefined): string =>
  page?.shards.map((shard) => (shard.status === 'assigned' ? shard.leader : '-')).join('') ?? 'none'

/** How us follows: the same shards, on nodes of its own. */
function followedBy(page: Page | undefined, nodes: string): Page {
  if (page === undefined) throw new Error('no page')
  const replicas = nodes.split('').map(nodeId)
  return {
    ...page,
    role: 'standby',
    freeze: undefined,
    shards: page.shards.map(({ shardId, start, epoch }) => ({ shardId, start, epoch, replicas, status: 'leaderless' })),
  }
}

describe('a range that another region owns', () => {
  it('is followed as soon as its page is known, and led within a round when it comes here', async () => {
    await using rig = new Rig()
    const server = await rig.server('s1')
    await rig.pass(1000)
    await rig.join('a@z1 b@z2 c@z3')
    rig.ranges.set('1:-@us/eu')
    await rig.pass(2000)
    expect(server.view.pages.size).toBe(0)
    const shards = followedBy(await theirs(), 'x').shards
    rig.others.put('us', { ...followedBy(await theirs(), 'x'), role: 'owner', shards })
    await rig.clock.advance(0)
    expect(pageOf(server)).toMatchObject({ role: 'standby', generation: 1n })
    expect(leadersOf(pageOf(server))).toBe('--')
    await rig.pass(2 * REGION_TIMING.nodeWaitMs)
    rig.ranges.set('1:-@eu/us#2')
    // Without any time passing: nothing waits for the next look.
    await rig.clock.advance(0)
    expect(pageOf(server)).toMatchObject({ role: 'owner', generation: 2n })
    expect(leadersOf(pageOf(server))).toBe('ab')
    expect(rig.violations()).toEqual([])
  })

  it('is led within a round by a controller that has just been elected, once its nodes have reported', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    rig.ranges.set('1:-@us/eu#2')
    await rig.pass(1000)
    expect(pageOf(server)).toMatchObject({ role: 'standby', generation: 2n })
    const other = await rig.server('s2')
    await server.controller[Symbol.asyncDispose]()
    await rig.pass(1000)
    expect(other.controller.isController).toBe(true)
    rig.ranges.set('1:-@eu/us#3')
    // Whoever led it before it went away might still answer for it: they say that they do not with a renewal.
    await rig.pass(3000)
    expect(leadersOf(pageOf(other))).not.toContain('-')
    expect(rig.violations()).toEqual([])
  })

  it('takes the leaders of its nodes away the moment G shows it, before anything is written', async () => {
    const { rig, server, told } = await opened()
    await using _ = rig
    expect(told.flatMap(({ shards }) => shards).map(({ leader }) => leader)).toEqual(['a', 'b'])
    told.length = 0
    await server.controller[Symbol.asyncDispose]()
    await rig.clock.advance(0)
    const before = rig.cluster.revision
    rig.ranges.set('1:-@us/eu#2')
    await rig.clock.advance(0)
    expect(told.flatMap(({ shards }) => shards)).toMatchObject([
      { shardId: '1.0', leader: '', leaderAddress: '', leaderNodeEpoch: 0n, token: { generation: 1n, epoch: 1n } },
      { shardId: '1.1', leader: '', token: { generation: 1n, epoch: 1n } },
    ])
    expect(pageOf(server)).toMatchObject({ role: 'owner', generation: 1n })
    expect(told.at(-1)?.revision).toBeLessThanOrEqual(before)
  })

  it('takes leaders away shard by shard, and none for a split that stays here', async () => {
    const { rig, server, told } = await opened()
    await using _ = rig
    await server.controller[Symbol.asyncDispose]()
    told.length = 0
    rig.ranges.set('1:-m#2', '2:m-#2')
    await rig.clock.advance(0)
    expect(told.flatMap(({ shards }) => shards)).toEqual([])
    rig.ranges.set('1:-m#2', '2:m-@us/eu#3')
    await rig.clock.advance(0)
    expect(told.flatMap(({ shards }) => shards)).toMatchObject([{ shardId: '1.1', leader: '' }])
  })

  it('loses its page when it is followed no more, after a grace and a look at G itself', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    rig.ranges.set('1:-@us/eu#2')
    await rig.pass(1000)
    rig.ranges.cut = true
    rig.ranges.set('1:-@us#2')
    await rig.pass(2 * REGION_TIMING.unfollowGraceMs)
    expect(pageOf(server)).toMatchObject({ role: 'standby' })
    expect(rig.ranges.reads).toBeGreaterThan(0)
    rig.ranges.cut = false
    await rig.pass(2000)
    expect(pageOf(server)).toBeUndefined()
  })
})

describe('a range that others follow', () => {
  it('tells its leaders whom to feed: the standby pages of its very generation', async () => {
    const { rig, server, told } = await opened()
    await using _ = rig
    told.length = 0
    rig.others.put('us', followedBy(pageOf(server), 'xyz'))
    await rig.clock.advance(0)
    const learners = ['x', 'y', 'z'].map((node) => ({ nodeId: node, address: `${node}.us:7001` }))
    expect(told.flatMap(({ shards }) => shards)).toMatchObject([
      { shardId: '1.0', leader: 'a', learners },
      { shardId: '1.1', leader: 'b', learners },
    ])
    told.length = 0
    rig.ranges.set('1:-@eu/us#2')
    await rig.pass(1000)
    expect(told.flatMap(({ shards }) => shards)).toMatchObject([
      { shardId: '1.0', token: { generation: 2n }, learners: [] },
      { shardId: '1.1', token: { generation: 2n }, learners: [] },
    ])
    rig.others.put('us', followedBy(pageOf(server), 'xyz'))
    rig.others.drop('us', rangeId(1))
    await rig.clock.advance(0)
    expect(told.flatMap(({ shards }) => shards).at(-1)).toMatchObject({ shardId: '1.1', learners: [] })
  })

  it('says nothing anew to whom nothing changed', async () => {
    const { rig, server, told } = await opened()
    await using _ = rig
    told.length = 0
    rig.ranges.set('1:-@eu/us')
    rig.others.put('ap', { ...followedBy(pageOf(server), 'x'), rangeId: rangeId(7) })
    await rig.pass(4000)
    expect(told.flatMap(({ shards }) => shards)).toEqual([])
  })
})

describe('a freeze', () => {
  it('reaches the leaders without a pause, and ends when G shows the operation ended', async () => {
    const { rig, server, told } = await opened()
    await using _ = rig
    told.length = 0
    rig.ranges.set('1:-@eu/us>!t1')
    await rig.clock.advance(0)
    expect(told.flatMap(({ shards }) => shards)).toEqual([])
    rig.ranges.set('1:-@eu/us=!t1')
    await rig.clock.advance(0)
    expect(told.flatMap(({ shards }) => shards)).toMatchObject([
      { shardId: '1.0', leader: 'a', freezeOperation: 't1', token: { epoch: 2n } },
      { shardId: '1.1', leader: 'b', freezeOperation: 't1', token: { epoch: 2n } },
    ])
    expect(pageOf(server)?.freeze).toEqual({ operation: 't1', revision: rig.ranges.revision })
    told.length = 0
    rig.ranges.set('1:-@eu/us')
    await rig.clock.advance(0)
    expect(told.flatMap(({ shards }) => shards)).toMatchObject([
      { shardId: '1.0', leader: 'a', freezeOperation: '', token: { epoch: 3n } },
      { shardId: '1.1', leader: 'b', freezeOperation: '', token: { epoch: 3n } },
    ])
    await rig.pass(5000)
    expect(rig.violations()).toEqual([])
  })

  it('is inherited by the next leader and the next controller', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const other = await rig.server('s2')
    rig.ranges.set('1:-@eu/us=!t1')
    await rig.pass(500)
    rig.node('a').kill()
    await server.controller[Symbol.asyncDispose]()
    await rig.pass(2 * REGION_TIMING.nodeWaitMs)
    expect(leadersOf(pageOf(other))).toMatch(/^[bc][bc]$/)
    expect(pageOf(other)?.freeze?.operation).toBe('t1')
    expect(rig.violations()).toEqual([])
  })
})

/** A page of two shards as another region has it. */
async function theirs(): Promise<Page | undefined> {
  const { rig, server } = await opened()
  await using _ = rig
  return pageOf(server)
}
