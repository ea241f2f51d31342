import { nodeEpoch } from '@meridian/topology'
import type { MemoryStore } from '@meridian/store/memory'
import { describe, expect, it } from 'vitest'
import { REGION_TIMING } from './region-timing.ts'
import { Rig, RigNode } from './rig.ts'

async function world(): Promise<Rig> {
  const rig = new Rig()
  await rig.server('s1')
  await rig.server('s2')
  await rig.pass(1000)
  return rig
}

describe('node epochs (R2)', () => {
  it('rise with each start, through whichever server', async () => {
    await using rig = await world()
    const node = new RigNode('a', 'z1', rig.clock)
    const epochs = []
    for (const server of [...rig.servers, ...rig.servers]) {
      await node.register(server, rig.signal)
      epochs.push(node.epoch)
    }
    expect(epochs).toEqual([1n, 2n, 3n, 4n])
  })

  it.each([
    ['went back', 1],
    ['is ahead', 3],
    ['is new', 0],
  ])('are refused to a disk that %s', async (_, presented) => {
    await using rig = await world()
    const [server] = rig.servers
    if (server === undefined) throw new Error('no server')
    const node = new RigNode('a', 'z1', rig.clock)
    await node.register(server, rig.signal)
    await node.register(server, rig.signal)
    node.epoch = nodeEpoch(presented)
    const before = rig.cluster.revision
    await expect(node.register(server, rig.signal)).rejects.toMatchObject({
      code: 'NODE_ID_TAKEN',
      details: { presented: String(presented), last: '2' },
    })
    expect(rig.cluster.revision).toBe(before)
  })

  it('skip the one that giving the node up took, which nobody was handed', async () => {
    await using rig = await world()
    await rig.join('a@z1')
    rig.node('a').kill()
    await rig.pass(2 * REGION_TIMING.nodeWaitMs)
    expect(rig.servers[0]?.view.nodes.get(rig.node('a').id)?.node).toMatchObject({ status: 'down', nodeEpoch: 2n })
    const [server] = rig.servers
    if (server === undefined) throw new Error('no server')
    await rig.node('a').register(server, rig.signal)
    expect(rig.node('a').epoch).toBe(3n)
  })

  it('go to one of two clones that ask at once', async () => {
    await using rig = await world()
    const clones = [new RigNode('a', 'z1', rig.clock), new RigNode('a', 'z2', rig.clock)]
    const outcomes = await Promise.allSettled(
      clones.map((clone, index) => {
        const server = rig.servers[index]
        return server === undefined ? Promise.reject(new Error('no server')) : clone.register(server, rig.signal)
      }),
    )
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected'])
    expect(outcomes.find((each) => each.status === 'rejected')?.reason).toMatchObject({ code: 'NODE_ID_TAKEN' })
  })

  it('are told again to the same start, and only to it, when the answer was lost', async () => {
    await using rig = await world()
    const [server, other] = rig.servers
    if (server === undefined || other === undefined) throw new Error('no server')
    const store = server.store as MemoryStore
    const node = new RigNode('a', 'z1', rig.clock)
    store.faults.next('unknown-after')
    await node.register(server, rig.signal, 'start-1')
    expect(node.epoch).toBe(1n)
    const twin = new RigNode('a', 'z1', rig.clock)
    await twin.register(other, rig.signal, 'start-1')
    expect(twin.epoch).toBe(1n)
    const late = new RigNode('a', 'z1', rig.clock)
    await expect(late.register(other, rig.signal, 'start-2')).rejects.toMatchObject({ code: 'NODE_ID_TAKEN' })
    store.faults.next('unknown-before')
    await expect(node.register(server, rig.signal)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  })

  it('are not given for an address nobody can dial', async () => {
    await using rig = await world()
    const [server] = rig.servers
    const { id, zone } = new RigNode('a', 'z1', rig.clock)
    const wrong = { nodeId: id, zone, address: 'nowhere', capacity: 100, previousEpoch: nodeEpoch(0), attempt: '' }
    await expect(server?.registry.register(wrong, rig.signal)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
