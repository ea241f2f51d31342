import { silentLogger, systemClock } from '@meridian/loop'
import { ChannelPool } from '@meridian/rpc'
import { tempDir, waitFor as waitForAtMost } from '@meridian/testkit'
import type { WaitOptions } from '@meridian/testkit'
import { nodeId, regionId, zoneId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { DataNode } from './data-node.ts'
import { TestClient } from './test-client.ts'
import { TestRegion } from './test-region.ts'

const NODES = ['n1', 'n2', 'n3'] as const
const SHARD = '7.0'

function waitFor<T>(what: string, probe: () => T | Promise<T>, options: WaitOptions = {}) {
  return waitForAtMost(what, probe, { timeoutMs: 30_000, ...options })
}

async function startNode(id: string, dataDir: string, servers: readonly string[]): Promise<DataNode> {
  return DataNode.start({
    nodeId: nodeId(id),
    region: regionId('eu-west'),
    zone: zoneId(`${id}-zone`),
    listen: '127.0.0.1:0',
    capacity: 100,
    dataDir,
    regionServers: servers,
    clock: systemClock,
    log: silentLogger,
  })
}

async function world(leaseMs = 6_000) {
  const stack = new AsyncDisposableStack()
  const dir = stack.use(await tempDir())
  const region = stack.use(await new TestRegion().start())
  region.leaseMs = leaseMs
  const pool = stack.use(new ChannelPool())
  const nodes = new Map<string, DataNode>()
  for (const id of NODES)
    nodes.set(id, stack.use(await startNode(id, `${dir.path}/${id}`, ['127.0.0.1:1', region.address])))
  const node = (id: string): DataNode => {
    const found = nodes.get(id)
    if (found === undefined) throw new Error(`no node ${id}`)
    return found
  }
  const registered = (): boolean => [...nodes.values()].every((each) => each.status().nodeEpoch !== undefined)
  await waitFor('all nodes registered', registered)
  const role = (id: string): string =>
    node(id)
      .status()
      .shards.find((shard) => shard.shardId === SHARD)?.role ?? 'none'
  const lead = async (epoch: bigint, id: string, generation = 1n) => {
    const record = region.assign(SHARD, generation, epoch, id, NODES)
    await waitFor(`${id} serves`, () => role(id) === 'serving', {
      diagnose: () => JSON.stringify([...nodes.values()].map((each) => each.status().shards)),
    })
    return record
  }
  return {
    dir,
    region,
    pool,
    nodes,
    node,
    role,
    lead,
    client: new TestClient(pool),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

describe('three data nodes', () => {
  it('write, read, scan, refuse', async () => {
    await using w = await world()
    const record = await w.lead(1n, 'n1')
    await waitFor('region lease', () => w.client.write(record, 's', [[0, 'first', 'x']]))
    const written = await w.client.write(record, 's', [
      [1, 'berlin', '1'],
      [2, 'bonn', '2'],
      [3, 'Z', 'outside'],
      [4, 'paris', '4'],
    ])
    expect(written.items.map((item) => [item.sequence, item.duplicate, item.code])).toEqual([
      [1n, false, ''],
      [2n, false, ''],
      [3n, false, 'KEY_OUTSIDE_RANGE'],
      [4n, false, ''],
    ])
    const again = await w.client.write(record, 's', [
      [2, 'bonn', 'changed'],
      [5, 'paris', undefined],
    ])
    expect(again.items[0]).toMatchObject({ duplicate: true, index: written.items[1]?.index })
    for (const mode of ['quorum', 'lease']) {
      const read = await waitFor('leases', () => w.client.read(record, ['bonn', 'paris', 'rome'], mode))
      expect(read.values.map((value) => value.value?.toString())).toEqual(['2', undefined, undefined])
    }
    const slice = await w.client.scan(record, 'b', '', 2)
    expect([slice.rows.map((row) => row.key.toString()), slice.next?.toString()]).toEqual([['berlin', 'bonn'], 'first'])
    expect((await w.client.scan(record, '', '', 0, true)).count).toBe(3n)
    await expect(
      w.client.write({ ...record, token: { generation: 1n, epoch: 9n } }, 's', [[6, 'a', '']]),
    ).rejects.toMatchObject({
      code: 'TOKEN_MISMATCH',
      details: { newest: '1', leader: 'n1' },
    })
    await expect(w.client.write(record, 's', [[6, 'a', '']], w.region.addressOf('n2'))).rejects.toMatchObject({
      code: 'NOT_LEADER',
    })
    await expect(w.client.write({ ...record, shardId: '8.0' }, 's', [[6, 'a', '']])).rejects.toMatchObject({
      code: 'SHARD_UNKNOWN',
    })
    await expect(w.client.write(record, 's', [[6, 'a', 'x'.repeat(70_000)]])).resolves.toMatchObject({
      items: [{ code: 'VALUE_TOO_LARGE' }],
    })
    await expect(w.client.write(record, '', [[6, 'a', '']])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(w.client.read(record, ['Z'])).rejects.toMatchObject({ code: 'KEY_OUTSIDE_RANGE' })
    await expect(startNode('n1', `${w.dir.path}/n1`, [w.region.address])).rejects.toMatchObject({
      code: 'WORLD_IN_USE',
    })
    await w.node('n3')[Symbol.asyncDispose]()
    await expect(startNode('n4', `${w.dir.path}/n3`, [w.region.address])).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })

  it('change leaders: the old one is refused everywhere, retries are recognised', async () => {
    await using w = await world()
    const first = await w.lead(1n, 'n1')
    const before = await waitFor('region lease', () => w.client.write(first, 's', [[1, 'k', 'one']]))
    const second = await w.lead(2n, 'n2')
    await expect(w.client.write(first, 's', [[2, 'k', 'two']])).rejects.toMatchObject({
      code: 'TOKEN_MISMATCH',
      details: { newest: '2', leader: 'n2' },
    })
    await expect(w.client.write(second, 's', [[2, 'k', 'two']], first.leaderAddress)).rejects.toMatchObject({
      code: 'NOT_LEADER',
    })
    const retried = await waitFor('region lease', () =>
      w.client.write(second, 's', [
        [1, 'k', 'one'],
        [2, 'k', 'two'],
      ]),
    )
    expect(retried.items.map((item) => item.duplicate)).toEqual([true, false])
    expect(retried.items[0]?.index).toBe(before.items[0]?.index)
    // A new generation begins its epochs anew and still outranks.
    const third = await w.lead(1n, 'n3', 2n)
    const read = await waitFor('region lease', () => w.client.read(third, ['k']))
    expect(read.values[0]?.value?.toString()).toBe('two')
  })

  it('lose leases: lease reads stop first, then what needs the region', async () => {
    await using w = await world(700)
    w.region.regionLeaseMs = 6_000
    const record = await w.lead(1n, 'n1')
    await waitFor('region lease', () => w.client.write(record, 's', [[1, 'k', 'one']]))
    w.region.leaseMs = 0
    w.region.regionLeaseMs = 0
    const code = async (call: () => Promise<unknown>): Promise<string> => {
      try {
        await call()
        return 'ok'
      } catch (error) {
        return String((error as { code?: unknown }).code)
      }
    }
    await waitFor(
      'lease reads stop',
      async () => (await code(() => w.client.read(record, ['k'], 'lease'))) === 'NO_NODE_LEASE',
    )
    expect(await code(() => w.client.read(record, ['k']))).toBe('ok')
    await waitFor(
      'writes stop',
      async () => (await code(() => w.client.write(record, 's', [[1, 'k', 'one']]))) === 'NO_REGION_LEASE',
    )
    expect(await code(() => w.client.read(record, ['k']))).toBe('NO_REGION_LEASE')
  })

  it('a condemned node gives up what it leads and comes back under a new epoch', async () => {
    await using w = await world()
    const record = await w.lead(1n, 'n1')
    const epoch = w.region.epochOf('n1')
    w.region.condemn('n1')
    await waitFor(
      'a new epoch',
      () => w.region.epochOf('n1') > epoch && w.node('n1').status().nodeEpoch === w.region.epochOf('n1'),
    )
    await waitFor('no leader any more', () => w.role('n1') === 'follower')
    await expect(w.client.write(record, 's', [[1, 'k', 'v']])).rejects.toMatchObject({ code: 'NOT_LEADER' })
    await w.lead(2n, 'n1')
  })

  it('repeats a registration whose answer was lost, also after a crash', async () => {
    await using dir = await tempDir()
    await using region = await new TestRegion().start()
    region.answersLost = 1_000
    const first = await startNode('n1', `${dir.path}/n1`, [region.address])
    await waitFor('the first attempts', () => region.answersLost < 999)
    await first[Symbol.asyncDispose]()
    region.answersLost = 0
    await using second = await startNode('n1', `${dir.path}/n1`, [region.address])
    await waitFor('registered', () => second.status().nodeEpoch !== undefined)
    expect(second.status().nodeEpoch).toBe(1n)
  })
})
