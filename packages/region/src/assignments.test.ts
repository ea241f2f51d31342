import { keyOfText, nodeId, rangeId, shardId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { AssignmentUpdate } from './assignments.ts'
import { RegionLimits } from './region-timing.ts'
import { Rig } from './rig.ts'
import { range } from './rig-ranges.ts'

async function followed(id: string, bounds: readonly string[] = ['m']) {
  const rig = new Rig()
  const server = await rig.server('s1')
  await rig.pass(1000)
  await rig.join('a@z1 b@z2 c@z3')
  rig.ranges.set('1:-')
  await server.controller.openRange(range('1:-'), bounds.map(keyOfText), rig.signal)
  const updates: AssignmentUpdate[] = []
  void (async () => {
    for await (const update of server.assignments(nodeId(id), rig.signal)) updates.push(update)
  })()
  await rig.clock.advance(0)
  return { rig, server, updates }
}

describe('assignments', () => {
  it('are everything first, then changes, each with its revision', async () => {
    const { rig, server, updates } = await followed('b')
    await using _ = rig
    const [first] = updates
    expect(first).toMatchObject({ complete: true, removed: [], revision: server.view.revision })
    expect(first?.shards.map((record) => [record.shardId, record.leader, record.leaderAddress])).toEqual([
      ['1.0', 'a', 'a.test:7001'],
      ['1.1', 'b', 'b.test:7001'],
    ])
    updates.length = 0
    void server.controller.handOver(shardId(rangeId(1), 0), nodeId('b'), rig.signal)
    await rig.clock.advance(20)
    expect(updates.flatMap(({ shards }) => shards)).toMatchObject([
      { shardId: '1.0', leader: '', token: { epoch: 2n } },
    ])
    expect(updates.every(({ complete }) => !complete)).toBe(true)
    await rig.pass(3000)
    expect(updates.flatMap(({ shards }) => shards).at(-1)).toMatchObject({ shardId: '1.0', leader: 'b' })
  })

  it('say how far they go even when nothing changes, for the nodes have to prove it (R6)', async () => {
    const { rig, server, updates } = await followed('b')
    await using _ = rig
    updates.length = 0
    await rig.pass(4000)
    expect(updates.length).toBeGreaterThan(0)
    expect(updates.flatMap(({ shards }) => shards)).toEqual([])
    expect(updates.at(-1)?.revision).toBe(server.view.revision)
    const revisions = updates.map(({ revision }) => revision)
    expect(revisions).toEqual(revisions.toSorted((x, y) => (x < y ? -1 : 1)))
  })

  it('name the shards that went to another region', async () => {
    const { rig, updates } = await followed('c')
    await using _ = rig
    updates.length = 0
    rig.ranges.set('1:-@us#2')
    await rig.pass(1000)
    expect(updates.flatMap(({ removed }) => removed)).toEqual(['1.0', '1.1'])
  })

  it('keep their shards through a split', async () => {
    const { rig, updates } = await followed('c')
    await using _ = rig
    updates.length = 0
    rig.ranges.set('1:-m#2', '2:m-#2')
    await rig.pass(1000)
    expect(updates.flatMap(({ removed }) => removed)).toEqual([])
    expect(updates.flatMap(({ shards }) => shards).map((each) => [each.shardId, each.rangeId])).toEqual([
      ['1.0', 1],
      ['1.1', 2],
    ])
  })

  it('come in bounded messages, of which only the last has the revision', async () => {
    const { rig, server } = await followed('b', [])
    await using _ = rig
    const count = RegionLimits.assignmentShardsMax + 3
    const ranges = ['1:-000']
    for (let page = 0; page * 500 < count; page += 1) {
      const start = String(page).padStart(3, '0')
      const end = page * 500 + 500 < count ? String(page + 1).padStart(3, '0') : ''
      ranges.push(`${page + 2}:${start}-${end}`)
    }
    rig.ranges.set(...ranges)
    for (const [index, text] of ranges.slice(1).entries()) {
      const start = String(index).padStart(3, '0')
      const bounds = Array.from({ length: 499 }, (_, n) => keyOfText(`${start}/${String(n).padStart(3, '0')}`))
      await server.controller.openRange(range(text), bounds, rig.signal)
    }
    const messages: AssignmentUpdate[] = []
    for await (const update of server.assignments(nodeId('b'), rig.signal)) {
      messages.push(update)
      if (update.revision > 0n) break
    }
    expect(messages.map(({ complete }) => complete)).toEqual([true, ...messages.slice(1).map(() => false)])
    expect(messages.length).toBe(2)
    expect(messages.every(({ shards }) => shards.length <= RegionLimits.assignmentShardsMax)).toBe(true)
  })
})
