import { ChannelPool } from '@meridian/rpc'
import { freePorts, seededRandom, seedOf, tempDir, waitFor } from '@meridian/testkit'
import type { ShardRecord } from '@meridian/protocol'
import { describe, expect, it } from 'vitest'
import { TestClient } from './test-client.ts'
import { NodeProcess } from './test-node-process.ts'
import { TestRegion } from './test-region.ts'

const NODES = ['n1', 'n2', 'n3'] as const
const SHARD = '7.0'

describe('data nodes in processes of their own', () => {
  it('lose no acknowledged write and apply none twice through kills of leaders and followers', async () => {
    const random = seededRandom(seedOf('node kill'))
    await using stack = new AsyncDisposableStack()
    const dir = stack.use(await tempDir())
    const region = stack.use(await new TestRegion().start())
    const client = new TestClient(stack.use(new ChannelPool()))
    const ports = await freePorts(3)
    const nodes = new Map<string, NodeProcess>()
    for (const [at, id] of NODES.entries()) {
      const node = stack.use(new NodeProcess({ node: id, listen: `127.0.0.1:${ports[at]}`, dataDir: `${dir.path}/${id}`, regionServers: [region.address] }))
      node.start()
      nodes.set(id, node)
    }
    await waitFor('all nodes registered', () => NODES.every((id) => region.epochOf(id) > 0n), { timeoutMs: 20_000 })

    let record: ShardRecord = region.assign(SHARD, 1n, 1n, 'n1', NODES)
    const acknowledged = new Map<string, bigint>()
    let stop = false
    // Each writer counts up its own keys, one at a time, and repeats a write under its sequence until it is answered.
    const writer = async (name: string): Promise<void> => {
      for (let sequence = 1; !stop; sequence++) {
        const key = `k-${name}-${sequence}`
        const index = await waitFor(
          `an answer for ${key}`,
          async () => (await client.write(record, name, [[sequence, key, `${sequence}`], [100_000 + sequence, `last-${name}`, `${sequence}`]])).items[0]?.index,
          { timeoutMs: 30_000 },
        )
        acknowledged.set(key, index)
      }
    }
    const writers = ['a', 'b', 'c'].map(writer)

    for (let epoch = 2n; epoch <= 7n; epoch++) {
      const enough = acknowledged.size + 20
      await waitFor('writes under this leader', () => acknowledged.size >= enough, { timeoutMs: 30_000 })
      const victim = random.pick(NODES)
      const life = region.epochOf(victim)
      await nodes.get(victim)?.kill()
      if (record.leader === victim) {
        record = region.assign(SHARD, 1n, epoch, random.pick(NODES.filter((id) => id !== victim)), NODES)
      }
      nodes.get(victim)?.start()
      await waitFor('the killed node registered again', () => region.epochOf(victim) > life, { timeoutMs: 20_000 })
    }
    stop = true
    await Promise.all(writers)

    // Read at each node in turn: every log, not one lucky one.
    for (const [at, id] of NODES.entries()) {
      record = region.assign(SHARD, 2n, BigInt(at + 1), id, NODES)
      const count = await waitFor(`${id} serves`, () => client.scan(record, 'k-', 'k.', 0, true), { timeoutMs: 20_000 })
      expect(Number(count.count)).toBe(acknowledged.size)
      for (const [key, index] of acknowledged) {
        const read = await client.read(record, [key])
        expect([key, read.values[0]?.index]).toEqual([key, index])
      }
      const lasts = await client.read(record, ['last-a', 'last-b', 'last-c'])
      for (const [which, name] of ['a', 'b', 'c'].entries()) {
        const highest = [...acknowledged.keys()].filter((key) => key.startsWith(`k-${name}-`)).length
        expect(lasts.values[which]?.value?.toString()).toBe(`${highest}`)
      }
    }
  }, 120_000)
})
