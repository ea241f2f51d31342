import { keyOfText, nodeId, rangeId, shardId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { REGION_TIMING } from './region-timing.ts'
import { Rig } from './rig.ts'
import type { RigServer } from './rig.ts'
import { range } from './rig-ranges.ts'

const BOUNDS = ['c', 'e', 'g', 'i', 'k', 'm', 'o', 'q'].map(keyOfText)
const A = nodeId('a')

async function opened(nodes = 'a@z1 b@z2 c@z3') {
  const rig = new Rig()
  const server = await rig.server('s1')
  await rig.pass(1000)
  await rig.join(nodes)
  rig.ranges.set('1:-')
  await server.controller.openRange(range('1:-'), BOUNDS, rig.signal)
  await rig.pass(3000)
  return { rig, server }
}

function ledBy(server: RigServer): Record<string, number> {
  const led: Record<string, number> = {}
  for (const shard of server.view.pages.get(rangeId(1))?.page.shards ?? []) {
    const leader = shard.status === 'assigned' ? shard.leader : '-'
    led[leader] = (led[leader] ?? 0) + 1
  }
  return led
}

describe('draining a node (R16)', () => {
  it('hands its leaderships over, to replicas that stay, and leaves its replicas where they are', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    expect(ledBy(server)).toEqual({ a: 3, b: 3, c: 3 })
    await expect(server.controller.setDuty(A, 'draining', false, rig.signal)).resolves.toEqual({ led: 3, held: 9 })
    await rig.pass(4000)
    const led = ledBy(server)
    expect(Object.keys(led).toSorted()).toEqual(['b', 'c'])
    expect(Math.abs((led['b'] ?? 0) - (led['c'] ?? 0))).toBeLessThanOrEqual(1)
    expect(server.controller.health()?.drains).toEqual([
      { nodeId: 'a', duty: 'draining', led: 0, held: 9, indispensable: 0 },
    ])
    expect(rig.violations()).toEqual([])
  })

  it('outlives a crash, a restart and a new controller', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const other = await rig.server('s2')
    await server.controller.setDuty(A, 'draining', false, rig.signal)
    await rig.pass(4000)
    rig.node('a').kill()
    await server.controller[Symbol.asyncDispose]()
    await rig.pass(3 * REGION_TIMING.nodeWaitMs)
    await rig.node('a').register(other, rig.signal)
    rig.node('a').paused = false
    rig.node('b').kill()
    await rig.pass(3 * REGION_TIMING.nodeWaitMs)
    expect(other.view.nodes.get(A)?.node).toMatchObject({ status: 'up', duty: 'draining' })
    expect(ledBy(other)).toEqual({ c: 9 })
    expect(rig.violations()).toEqual([])
  })

  it('lets the node lead what nobody else can, and takes it away again when somebody can', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    await server.controller.setDuty(A, 'draining', false, rig.signal)
    rig.node('b').kill()
    await rig.pass(2 * REGION_TIMING.nodeWaitMs)
    expect(ledBy(server)).toEqual({ c: 9 })
    rig.node('c').kill()
    await rig.pass(2 * REGION_TIMING.nodeWaitMs)
    expect(ledBy(server)).toEqual({ a: 9 })
    expect(server.controller.health()?.drains[0]).toMatchObject({ led: 9, indispensable: 9 })
    await rig.node('b').register(server, rig.signal)
    rig.node('b').paused = false
    await rig.pass(5000)
    expect(ledBy(server)).toEqual({ b: 9 })
    expect(rig.violations()).toEqual([])
  })

  it('is undone by asking for the node again; the same twice changes nothing', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    await server.controller.setDuty(A, 'draining', false, rig.signal)
    const before = server.view.nodes.get(A)?.modRevision
    await server.controller.setDuty(A, 'draining', false, rig.signal)
    expect(server.view.nodes.get(A)?.modRevision).toBe(before)
    await server.controller.setDuty(A, 'serving', false, rig.signal)
    await rig.pass(1000)
    const handing = server.controller.handOver(shardId(rangeId(1), 1), A, rig.signal)
    await rig.pass(3000)
    await expect(handing).resolves.toMatchObject({ leader: 'a' })
    expect(server.controller.health()?.drains).toEqual([])
  })

  it('is refused when nobody could take over, and never takes a hand-over to it', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    const duty = (id: string, what: 'draining' | 'leaving' | 'decommissioned', forced = false) =>
      server.controller.setDuty(nodeId(id), what, forced, rig.signal)
    await expect(duty('x', 'draining')).rejects.toMatchObject({ code: 'NODE_UNKNOWN' })
    await expect(duty('a', 'leaving')).rejects.toMatchObject({ code: 'NOT_ENOUGH_NODES' })
    await duty('a', 'draining')
    await duty('b', 'draining')
    await expect(duty('c', 'draining')).rejects.toMatchObject({ code: 'NOT_ENOUGH_NODES' })
    const handing = server.controller.handOver(shardId(rangeId(1), 2), A, rig.signal)
    await expect(handing).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })
})

describe('decommissioning a node', () => {
  it('is refused while it holds replicas, unless forced; then it never comes back', async () => {
    const { rig, server } = await opened()
    await using _ = rig
    await rig.join('d@z1')
    const gone = (id: string, forced: boolean) =>
      server.controller.setDuty(nodeId(id), 'decommissioned', forced, rig.signal)
    await expect(gone('a', false)).rejects.toMatchObject({ code: 'NODE_BUSY', details: { held: '9' } })
    await expect(gone('d', false)).resolves.toEqual({ led: 0, held: 0 })
    await expect(rig.node('d').register(server, rig.signal)).rejects.toMatchObject({ code: 'NODE_DECOMMISSIONED' })
    await expect(server.controller.setDuty(nodeId('d'), 'serving', false, rig.signal)).rejects.toMatchObject({
      code: 'NODE_DECOMMISSIONED',
    })
    await expect(gone('a', true)).resolves.toMatchObject({ held: 9 })
    await rig.pass(4000)
    expect(Object.keys(ledBy(server)).toSorted()).toEqual(['b', 'c'])
  })
})
