import { ReplicaServiceDefinition } from '@meridian/protocol'
import type { ShardRecord } from '@meridian/protocol'
import { ChannelPool, clientOf } from '@meridian/rpc'
import { freePorts, tempDir, waitFor } from '@meridian/testkit'
import { isMeridianError } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { TestClient } from './test-client.ts'
import { NodeProcess } from './test-node-process.ts'
import { TestRegion } from './test-region.ts'

const SHARD = '7.0'
const HERE = ['n1', 'n2', 'n3'] as const
const THERE = ['m1', 'm2', 'm3'] as const
/** Small enough to be met by a test. */
const BOUNDS = { logEntriesMax: 40, logEntriesKept: 4, silentMs: 400, installBytesMax: 4_096 }

/** Two regions that know nothing of each other, with their nodes in processes of their own. */
async function world(ids: readonly string[]) {
  const stack = new AsyncDisposableStack()
  const dir = stack.use(await tempDir())
  const here = stack.use(await new TestRegion().start())
  const there = stack.use(await new TestRegion().start())
  const pool = stack.use(new ChannelPool())
  const ports = await freePorts(ids.length)
  const regionOf = (id: string): TestRegion => (id.startsWith('m') ? there : here)
  const nodes = new Map<string, NodeProcess>()
  for (const [at, id] of ids.entries()) {
    const process = new NodeProcess({
      node: id,
      listen: `127.0.0.1:${ports[at]}`,
      dataDir: `${dir.path}/${id}`,
      regionServers: [regionOf(id).address],
      bounds: BOUNDS,
    })
    stack.use(process).start()
    nodes.set(id, process)
  }
  await waitFor('all nodes registered', () => ids.every((id) => regionOf(id).epochOf(id) > 0n), { timeoutMs: 30_000 })
  const places = (of: readonly string[]) =>
    of.map((nodeId) => ({ nodeId, address: regionOf(nodeId).addressOf(nodeId) }))
  const replicaOf = (id: string) => clientOf(ReplicaServiceDefinition, pool.channel(regionOf(id).addressOf(id)))
  const position = async (id: string) => {
    const { positions } = await replicaOf(id).getPositions({ shardIds: [SHARD] }, { timeoutMs: 2_000 })
    return positions[0]
  }
  return {
    here,
    there,
    nodes,
    places,
    replicaOf,
    position,
    client: new TestClient(pool),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'ok'
  } catch (error) {
    return isMeridianError(error) ? error.code : String(error)
  }
}

describe('nodes of two regions', () => {
  it('follow, answer as old as asked, take over, and keep what was lost where it was', async () => {
    await using w = await world([...HERE, ...THERE])
    const { client, here, there } = w
    const standby = there.assign(SHARD, 1n, 1n, '', THERE)
    const first = here.assign(SHARD, 1n, 1n, 'n1', HERE, { learners: w.places(THERE) })
    const kept = await waitFor('the first leader', () => client.write(first, 's', [[1, 'kept', 'old']]), {
      timeoutMs: 20_000,
    })
    const m1 = there.addressOf('m1')
    const stale = await waitFor('a stale read at the standby', () =>
      client.read(standby, ['kept'], 'stale', m1, 5_000n),
    )
    expect(stale.values[0]?.value?.toString()).toBe('old')
    expect(stale.index).toBe(kept.items[0]?.index)
    expect(stale.stalenessMs).toBeLessThanOrEqual(5_000n)
    // Anything but that is refused there, whatever token it carries.
    expect(await codeOf(client.write(standby, 's', [[9, 'k', 'v']], m1))).toBe('NOT_LEADER')
    expect(await codeOf(client.read(first, ['kept'], 'quorum', m1))).toMatch(/^(NOT_LEADER|TOKEN_MISMATCH)$/)
    await waitFor('all standbys have it', async () => {
      for (const id of THERE) if ((await w.position(id))?.commitIndex !== kept.items[0]?.index) return false
      return true
    })

    // The wide area is cut: the leader goes on alone, long enough for its log to be trimmed beyond what they hold.
    here.assign(SHARD, 1n, 1n, 'n1', HERE)
    for (let sequence = 2; sequence <= 120; sequence++) {
      await waitFor('a write', () => client.write(first, 's', [[sequence, `lost-${sequence}`, `${sequence}`]]))
    }
    here.regionLeaseMs = 0
    const second = there.assign(SHARD, 2n, 1n, 'm1', THERE)
    await waitFor('the new owner', () => client.write(second, 't', [[1, 'kept', 'new']]), { timeoutMs: 20_000 })

    // The old region is back and follows: its logs went on beyond what the new lineage holds.
    here.assign(SHARD, 2n, 1n, '', HERE)
    there.assign(SHARD, 2n, 1n, 'm1', THERE, { learners: w.places(HERE) })
    for (const id of HERE) {
      await waitFor(
        `${id} holds the new log`,
        async () => {
          const [mine, theirs] = await Promise.all([w.position(id), w.position('m1')])
          return mine?.lastToken?.generation === 2n && mine.lastIndex === theirs?.lastIndex && !mine.installing
        },
        { timeoutMs: 20_000 },
      )
    }
    const told = new Set<string>()
    for (const id of HERE) {
      let after: { readonly afterIndex: bigint; readonly afterToken: ShardRecord['token'] } = {
        afterIndex: 0n,
        afterToken: undefined,
      }
      for (let more = true; more;) {
        const page = await w.replicaOf(id).listQuarantine({ shardId: SHARD, limit: 30, ...after }, { timeoutMs: 2_000 })
        for (const { entry, supersededBy } of page.entries) {
          expect(supersededBy).toBe(2n)
          for (const item of entry?.items ?? [])
            told.add(`${item.sequence} ${item.key.toString()}=${item.value?.toString()}`)
        }
        const last = page.entries.at(-1)?.entry
        more = page.more
        after = { afterIndex: last?.index ?? 0n, afterToken: last?.token }
      }
    }
    expect([...told].toSorted()).toEqual(
      Array.from({ length: 119 }, (_, at) => `${at + 2} lost-${at + 2}=${at + 2}`).toSorted(),
    )
    const n1 = here.addressOf('n1')
    const read = await waitFor('a stale read at the old owner', () =>
      client.read(second, ['kept', 'lost-2'], 'stale', n1, 5_000n),
    )
    expect(read.values.map((value) => value.value?.toString())).toEqual(['new', undefined])
    expect((await w.position('n1'))?.quarantinedEntries).toBe(119n)
    const dropped = await w.replicaOf('n1').dropQuarantine({ shardId: SHARD }, { timeoutMs: 2_000 })
    expect([dropped.entries, (await w.position('n1'))?.quarantinedEntries]).toEqual([119n, 0n])
  }, 120_000)

  it('freeze for a transfer, also across a kill of the leader, and thaw', async () => {
    await using w = await world(HERE)
    const { client, here } = w
    const operation = 'transfer-1'
    let record = here.assign(SHARD, 1n, 1n, 'n1', HERE)
    await waitFor('the leader', () => client.write(record, 's', [[0, 'k', 'v']]), { timeoutMs: 20_000 })
    let stop = false
    let highest = 0n
    const writer = async (name: string): Promise<void> => {
      for (let sequence = 1; !stop; sequence++) {
        const items = [[sequence, `${name}-${sequence}`, 'v']] as const
        const written = await waitFor('an answer', () => client.write(record, name, items), { timeoutMs: 30_000 })
        const index = written.items[0]?.index ?? 0n
        if (index > highest) highest = index
      }
    }
    const writers = ['a', 'b', 'c'].map(writer)
    await waitFor('writes', () => highest > 50n, { timeoutMs: 20_000 })
    record = here.assign(SHARD, 1n, 2n, 'n1', HERE, { freezeOperation: operation })
    const barrierAt = async (id: string) => {
      const question = { operation, shardIds: [SHARD] }
      const { barriers } = await w.replicaOf(id).getBarriers(question, { timeoutMs: 2_000 })
      return barriers[0]
    }
    const barrier = await waitFor('the barrier', () => barrierAt('n1'))
    expect(await codeOf(client.write(record, 'x', [[1, 'x', 'x']]))).toBe('RANGE_FROZEN')
    expect(await codeOf(client.read(record, ['k']))).toBe('RANGE_FROZEN')
    const life = here.epochOf('n1')
    await w.nodes.get('n1')?.kill()
    record = here.assign(SHARD, 1n, 3n, 'n2', HERE, { freezeOperation: operation })
    const later = await waitFor('the barrier of the next leader', () => barrierAt('n2'), { timeoutMs: 20_000 })
    expect(later.index).toBe(barrier.index + 1n)
    expect(await codeOf(client.write(record, 'x', [[1, 'x', 'x']]))).toBe('RANGE_FROZEN')
    expect(highest).toBeLessThanOrEqual(barrier.index)
    w.nodes.get('n1')?.start()
    await waitFor('the killed node registered again', () => here.epochOf('n1') > life, { timeoutMs: 20_000 })
    record = here.assign(SHARD, 1n, 4n, 'n1', HERE)
    const goesOn = highest
    await waitFor('writes after the thaw', () => highest > goesOn + 20n, { timeoutMs: 20_000 })
    expect(await barrierAt('n1')).toBeUndefined()
    stop = true
    await Promise.all(writers)
  }, 120_000)

  it('replace a replica whose disk is gone: the new one is installed, joins under two majorities, and leads', async () => {
    await using w = await world([...HERE, 'n4'])
    const { client, here } = w
    let record = here.assign(SHARD, 1n, 1n, 'n1', HERE)
    await waitFor('the leader', () => client.write(record, 's', [[0, 'k', 'v']]), { timeoutMs: 20_000 })
    await w.nodes.get('n3')?.kill()
    for (let sequence = 1; sequence <= 200; sequence++) {
      await waitFor('a write', () => client.write(record, 's', [[sequence, `k${sequence % 50}`, 'v'.repeat(500)]]))
    }
    record = here.assign(SHARD, 1n, 2n, 'n1', ['n1', 'n2', 'n4'], { prior: HERE })
    await waitFor('a leader of both sets', async () => (await w.position('n1'))?.role === 'serving', {
      timeoutMs: 20_000,
    })
    record = here.assign(SHARD, 1n, 3n, 'n1', ['n1', 'n2', 'n4'])
    await waitFor(
      'the new replica holds everything',
      async () => {
        const [joined, leader] = await Promise.all([w.position('n4'), w.position('n1')])
        return (
          joined?.lastIndex === leader?.lastIndex && joined?.commitIndex === leader?.commitIndex && !joined?.installing
        )
      },
      { timeoutMs: 20_000 },
    )
    await w.nodes.get('n1')?.kill()
    record = here.assign(SHARD, 1n, 4n, 'n4', ['n1', 'n2', 'n4'])
    const again = await waitFor('the new replica leads', () => client.write(record, 's', [[150, 'k0', 'changed']]), {
      timeoutMs: 20_000,
    })
    expect(again.items[0]?.duplicate).toBe(true)
    expect((await client.scan(record, '', '', 0, true)).count).toBe(51n)
  }, 120_000)
})
