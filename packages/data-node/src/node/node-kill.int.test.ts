import { ChannelPool } from '@meridian/rpc'
import { freePorts, seededRandom, seedOf, tempDir, waitFor } from '@meridian/testkit'
import type { ShardRecord } from '@meridian/protocol'
import { isMeridianError } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { TestClient } from './test-client.ts'
import { NodeProcess } from './test-node-process.ts'
import { TestRegion } from './test-region.ts'

const NODES = ['n1', 'n2', 'n3'] as const
const SHARD = '7.0'

async function world(leases: { readonly nodeMs?: number; readonly regionMs?: number } = {}) {
  const stack = new AsyncDisposableStack()
  const dir = stack.use(await tempDir())
  const region = stack.use(await new TestRegion().start())
  region.leaseMs = leases.nodeMs ?? region.leaseMs
  region.regionLeaseMs = leases.regionMs ?? region.regionLeaseMs
  const client = new TestClient(stack.use(new ChannelPool()))
  const ports = await freePorts(3)
  const nodes = new Map<string, NodeProcess>()
  for (const [at, id] of NODES.entries()) {
    const listen = `127.0.0.1:${ports[at]}`
    const node = stack.use(
      new NodeProcess({ node: id, listen, dataDir: `${dir.path}/${id}`, regionServers: [region.address] }),
    )
    node.start()
    nodes.set(id, node)
  }
  await waitFor('all nodes registered', () => NODES.every((id) => region.epochOf(id) > 0n), { timeoutMs: 20_000 })
  return { region, client, nodes, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

/** The code of what a call was refused or left with. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'ok'
  } catch (error) {
    return isMeridianError(error) ? error.code : String(error)
  }
}

describe('data nodes in processes of their own', () => {
  it('lose no acknowledged write and apply none twice through kills of leaders and followers', async () => {
    const random = seededRandom(seedOf('node kill'))
    await using w = await world()
    const { region, client, nodes } = w

    let record: ShardRecord = region.assign(SHARD, 1n, 1n, 'n1', NODES)
    const acknowledged = new Map<string, bigint>()
    let stop = false
    // Each writer counts up its own keys, one at a time, and repeats a write under its sequence until it is answered.
    const writer = async (name: string): Promise<void> => {
      for (let sequence = 1; !stop; sequence++) {
        const key = `k-${name}-${sequence}`
        const index = await waitFor(
          `an answer for ${key}`,
          async () =>
            (
              await client.write(record, name, [
                [sequence, key, `${sequence}`],
                [100_000 + sequence, `last-${name}`, `${sequence}`],
              ])
            ).items[0]?.index,
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
      const keys = [...acknowledged.keys()]
      for (let from = 0; from < keys.length; from += 500) {
        const asked = keys.slice(from, from + 500)
        const read = await client.read(record, asked)
        expect(read.values.map((value) => value.index)).toEqual(asked.map((key) => acknowledged.get(key)))
      }
      const lasts = await client.read(record, ['last-a', 'last-b', 'last-c'])
      for (const [which, name] of ['a', 'b', 'c'].entries()) {
        const highest = [...acknowledged.keys()].filter((key) => key.startsWith(`k-${name}-`)).length
        expect(lasts.values[which]?.value?.toString()).toBe(`${highest}`)
      }
    }
  }, 120_000)
  it('refuses at a leader that slept through its succession', async () => {
    await using w = await world({ nodeMs: 700 })
    const old = w.region.assign(SHARD, 1n, 1n, 'n1', NODES)
    await waitFor('the first leader', () => w.client.write(old, 's', [[1, 'k', 'old']]), { timeoutMs: 20_000 })
    await waitFor('a lease read', () => w.client.read(old, ['k'], 'lease'), { timeoutMs: 20_000 })
    w.nodes.get('n1')?.pause(true)
    const pausedMs = performance.now()
    // No condition can be waited for here: that the grantor waits out the lease is what makes the reads below safe.
    await waitFor('the lease to run out', () => performance.now() - pausedMs > 1_000)
    const next = w.region.assign(SHARD, 1n, 2n, 'n2', NODES)
    await waitFor('the next leader', () => w.client.write(next, 's', [[2, 'k', 'new']]), { timeoutMs: 20_000 })
    // Sent while it sleeps, so that they wait in its sockets and are the first thing it sees.
    const asleep = [
      ...Array.from({ length: 5 }, () => codeOf(w.client.read(old, ['k'], 'lease'))),
      ...Array.from({ length: 5 }, () => codeOf(w.client.read(old, ['k']))),
      codeOf(w.client.write(old, 's', [[3, 'k', 'stale']])),
    ]
    w.nodes.get('n1')?.pause(false)
    for (const code of await Promise.all(asleep)) expect(code).not.toBe('ok')
    const read = await w.client.read(next, ['k'])
    expect(read.values[0]?.value?.toString()).toBe('new')
  }, 60_000)

  it('acknowledges nothing once the region has lost its authority, however late the replicas answer (I10)', async () => {
    await using w = await world({ regionMs: 4_000 })
    const record = w.region.assign(SHARD, 1n, 1n, 'n1', NODES)
    await waitFor('the leader', () => w.client.write(record, 's', [[1, 'k', 'one']]), { timeoutMs: 20_000 })
    w.region.regionLeaseMs = 0
    for (const id of ['n2', 'n3']) w.nodes.get(id)?.pause(true)
    const late = codeOf(w.client.write(record, 's', [[2, 'k', 'two']]))
    await waitFor(
      'the lease to run out',
      async () => (await codeOf(w.client.write(record, 't', [[1, 'j', 'x']]))) === 'NO_REGION_LEASE',
      { timeoutMs: 30_000 },
    )
    for (const id of ['n2', 'n3']) w.nodes.get(id)?.pause(false)
    expect(await late).toBe('OUTCOME_UNKNOWN')
    // It was written all the same: that is what unknown means.
    w.region.regionLeaseMs = 9_000
    const retried = await waitFor('authority again', () => w.client.write(record, 's', [[2, 'k', 'two']]), {
      timeoutMs: 30_000,
    })
    expect(retried.items[0]?.duplicate).toBe(true)
  }, 60_000)
})
