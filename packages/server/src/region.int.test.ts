import { join } from 'node:path'
import { MeridianClient } from '@meridian/client'
import type { ClientEvent } from '@meridian/client'
import { DataNode } from '@meridian/data-node'
import { DEFAULT_LEADER_SETTINGS, DEFAULT_TIMING } from '@meridian/deploy'
import type { ProcessConfig } from '@meridian/deploy'
import { openNatsBus } from '@meridian/feed/nats'
import { silentLogger, systemClock } from '@meridian/loop'
import { freePorts, startEtcd, startNats, tempDir, waitFor } from '@meridian/testkit'
import {
  EVERY_KEY,
  formatToken,
  keyOfText,
  keyspaceName,
  nodeId,
  operationId,
  regionId,
  zoneId,
} from '@meridian/topology'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PROTO_DIR } from './paths.ts'
import { startServerProcess } from './region-server.ts'

// One region on real etcd and NATS: server and nodes in this process, everything between them over the wire.

const EAST = regionId('us-east')
const K = keyspaceName('k')
const ZONES = ['a', 'b', 'c'].map(zoneId)
/** Short leases in the proportion that the waits demand, and long against the stalls of a busy machine. */
const TIMING = { ...DEFAULT_TIMING, nodeLeaseMs: 3000, nodeRenewMs: 750, nodeWaitMs: 3320, electionTtlMs: 4000 }

let operations = 0
const next = () => operationId(`op-${(operations += 1)}`)
const key = keyOfText

async function startWorld() {
  await using started = new AsyncDisposableStack()
  const dir = started.use(await tempDir('region'))
  const [globalEtcd, regionEtcd, nats] = await Promise.all([startEtcd(), startEtcd(), startNats()])
  for (const each of [globalEtcd, regionEtcd, nats]) started.use(each)
  const ports = await freePorts(5)
  const address = (i: number) => `127.0.0.1:${ports[i]}`
  const place = { id: nodeId('s1'), listen: address(0), advertise: address(0) }
  const config: ProcessConfig = {
    region: EAST,
    displayName: 'US East',
    zones: ZONES,
    global: { endpoints: globalEtcd.endpoints },
    regional: { endpoints: regionEtcd.endpoints },
    nats: { servers: [nats.url] },
    hosts: {},
    regions: [{ id: EAST, displayName: 'US East', servers: [place.advertise] }],
    servers: [place],
    nodes: [],
    timing: TIMING,
    standstill: false,
    leader: DEFAULT_LEADER_SETTINGS,
  }
  const failures: unknown[] = []
  const events: ClientEvent[] = []
  const server = await startServerProcess({
    config,
    place,
    dataDir: dir.path,
    protoDir: PROTO_DIR,
    log: silentLogger,
    onFailure: (loop, error) => failures.push([loop, error]),
  })
  started.use(server)
  /** How far each node's wall clock is from the machine's, ms. */
  const wallOffMs = new Map<string, number>()
  const startNode = (i: number) =>
    DataNode.start({
      physical: { nowMs: () => Date.now() + (wallOffMs.get(`n${i}`) ?? 0) },
      nodeId: nodeId(`n${i}`),
      region: EAST,
      zone: ZONES[i - 1] ?? zoneId('a'),
      listen: address(i),
      capacity: 1,
      dataDir: join(dir.path, `n${i}`),
      regionServers: [place.advertise],
      clock: systemClock,
      log: silentLogger,
    })
  const nodes = new Map<string, DataNode>()
  for (const i of [1, 2, 3]) nodes.set(`n${i}`, await startNode(i))
  started.defer(async () => {
    await Promise.all([...nodes.values()].map((node) => node[Symbol.asyncDispose]()))
  })
  const bus = started.use(await openNatsBus({ servers: [nats.url], name: 'test', log: silentLogger }))
  const client = started.use(
    new MeridianClient({ servers: [place.advertise], bus, observe: (event) => events.push(event) }),
  )
  const status = () => client.control.status(undefined, { timeoutMs: 5000 })
  await waitFor(
    'three nodes up',
    async () => (await status().catch(() => undefined))?.nodes.filter((node) => node.status === 'up').length === 3,
    {
      timeoutMs: 30_000,
    },
  )
  await client.synced(AbortSignal.timeout(30_000))
  const owned = started.move()
  return {
    client,
    nodes,
    startNode,
    nats,
    status,
    failures,
    events,
    wallOffMs,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

describe('one region', () => {
  let world: Awaited<ReturnType<typeof startWorld>>
  beforeAll(async () => {
    world = await startWorld()
    await world.client.control.createKeyspace(next(), K, EAST, [])
    await world.client.control.open(next(), K, [{ start: key(''), shardBounds: ['f', 'm', 't'].map(key) }])
  })
  afterAll(async () => {
    await world[Symbol.asyncDispose]()
    expect(world.failures).toEqual([])
  })

  const route = (text: string) => {
    const result = world.client.router.route(K, key(text))
    return result.ok
      ? { ...result.route, told: `${result.route.rangeId} ${formatToken(result.route.token)}` }
      : undefined
  }
  const put = async (text: string, value: string) => {
    const [outcome] = await world.client.write(K, [{ key: key(text), value: Buffer.from(value) }])
    expect(outcome).toMatchObject({ status: 'ok' })
  }
  const get = async (text: string, mode: 'quorum' | 'lease' = 'quorum') => {
    const row = await world.client.get(K, key(text), { mode })
    return row === undefined ? undefined : Buffer.from(row.value).toString()
  }

  it('writes, reads, scans and counts over its shards', async () => {
    await Promise.all(['a', 'g', 'n', 'z'].map((text) => put(text, `1${text}`)))
    expect(await Promise.all(['a', 'g', 'n', 'z', 'q'].map((text) => get(text)))).toEqual([
      '1a',
      '1g',
      '1n',
      '1z',
      undefined,
    ])
    await waitFor('a lease read', async () => (await get('g', 'lease')) === '1g')
    // By any of the three replicas, each of which has to ask the leader once.
    for (let reads = 0; reads < 10; reads++) {
      const row = await world.client.get(K, key('g'), { mode: 'stale', maxStalenessMs: 2_000 })
      expect(row).toMatchObject({ stalenessMs: expect.any(Number), index: expect.any(BigInt) })
      expect([row?.value.toString(), (row?.stalenessMs ?? Infinity) <= 2_000]).toEqual(['1g', true])
    }
    const rows = []
    for await (const row of world.client.scan(K, { start: key('b'), end: key('z') })) rows.push(row.key)
    expect({ rows, count: await world.client.count(K, EVERY_KEY) }).toEqual({ rows: ['g', 'n'], count: 4n })
  })

  it('splits an active range where two shards meet, and nowhere else; data and dedupe stay', async () => {
    await expect(world.client.control.split(next(), K, [key('h')])).rejects.toMatchObject({
      code: 'SPLIT_NOT_AT_SHARD_BOUND',
    })
    await world.client.control.split(next(), K, [key('m')])
    await put('n', '2n')
    expect(await Promise.all(['a', 'g', 'n', 'z'].map((text) => get(text)))).toEqual(['1a', '1g', '2n', '1z'])
    expect([route('a')?.told, route('z')?.told]).toEqual(['1 g2.e1', '2 g2.e1'])
    expect(route('z')?.shardId).toBe('1.3')
  })

  it('merges it back under a generation above both', async () => {
    await world.client.control.merge(next(), K, key('m'))
    await put('z', '3z')
    expect(await Promise.all(['a', 'n', 'z'].map((text) => get(text)))).toEqual(['1a', '2n', '3z'])
    expect(route('z')?.told).toBe('1 g3.e1')
  })

  it('hands a shard over, and refuses to assign a range that may hold data', async () => {
    const before = route('a')
    const target = ['n1', 'n2', 'n3'].find((id) => id !== before?.leader) ?? ''
    if (before === undefined) throw new Error('no route')
    const shard = await world.client.control.handOver(next(), before.shardId, nodeId(target), EAST)
    expect(shard.leader).toBe(target)
    await put('a', '4a')
    expect(route('a')?.leader).toBe(target)
    await expect(
      world.client.control.assign(next(), K, [{ start: key(''), owner: EAST, standbys: [EAST] }]),
    ).rejects.toMatchObject({ code: expect.stringMatching(/RANGE_NOT_VACANT|INVALID_ARGUMENT/) })
  })

  it('refuses lease reads of a leader whose clocks jumped apart, until it has renewed', async () => {
    await waitFor('a lease read', async () => (await get('g', 'lease')) === '1g')
    const leader = route('g')?.leader ?? ''
    const before = world.events.length
    world.wallOffMs.set(leader, 5000)
    // Refused in the very turn in which the lease was relied on; the client asks again until the renewal is through.
    expect(await get('g', 'lease')).toBe('1g')
    const refused = world.events.slice(before).flatMap((event) => (event.kind === 'refused' ? [event.code] : []))
    expect(refused).toContain('NO_NODE_LEASE')
    expect(await get('g')).toBe('1g')
    await put('g', '1g')
  })

  it('moves a replica to a new node, and lets a node leave for good, while writes go on', async () => {
    const { client, nodes, startNode } = world
    nodes.set('n4', await startNode(4))
    await waitFor('the new node', async () => (await world.status()).nodes.length === 4)
    const shardId = route('g')?.shardId
    const leader = route('g')?.leader
    const from = ['n1', 'n2', 'n3'].find((id) => id !== leader)
    if (shardId === undefined || from === undefined) throw new Error('no route')
    let writes = 0
    let writing = true
    const written = (async () => {
      while (writing) {
        await put('g', `move-${writes}`)
        writes += 1
      }
    })()
    const moves = async () => (await client.operations.moves()).map((move) => `${move.to} ${move.phase} ${move.note}`)
    const move = { shard: shardId, from: nodeId(from), to: nodeId('n4') }
    await client.operations.moveReplica(next(), move)
    await waitFor('the move', async () => (await moves()).every((each) => each.includes(' done ')), {
      diagnose: async () => (await moves()).join('; '),
      timeoutMs: 30_000,
    })
    const leaves = nodeId(leader ?? '')
    const left = () => client.operations.drainNode(leaves, { decommission: true, force: false })
    await waitFor('the node to be gone for good', async () => (await left()).duty === 'decommissioned', {
      diagnose: async () => JSON.stringify([await left(), await moves()]),
      timeoutMs: 60_000,
    })
    writing = false
    await written
    expect(writes).toBeGreaterThan(0)
    expect(await get('g')).toBe(`move-${writes - 1}`)
    expect(await Promise.all(['a', 'n', 'z'].map((text) => get(text)))).toEqual(['4a', '2n', '3z'])
    const { nodes: known } = await world.status()
    expect(known.find(({ nodeId: id }) => id === leaves)).toMatchObject({ status: 'decommissioned', shardsHeld: 0 })
    await nodes.get(leaves)?.[Symbol.asyncDispose]()
    await put('g', '1g')
  })

  it('writes on under a new epoch after the leader is gone', async () => {
    const before = route('a')
    const leader = world.nodes.get(before?.leader ?? '')
    if (before === undefined || leader === undefined) throw new Error('no leader')
    await leader[Symbol.asyncDispose]()
    await put('a', '5a')
    const after = route('a')
    expect(after?.leader).not.toBe(before.leader)
    expect(after?.token.epoch).toBeGreaterThan(before.token.epoch)
    expect(await Promise.all(['a', 'g', 'n', 'z'].map((text) => get(text)))).toEqual(['5a', '1g', '2n', '3z'])
  })

  it('routes, writes and catches up without the bus', async () => {
    world.nats.pause()
    try {
      await world.client.control.createKeyspace(next(), keyspaceName('quiet'), EAST, [])
      const quiet = keyspaceName('quiet')
      // The bus is silent, so the follower polls; the map is late, never wrong.
      await waitFor(
        'the new keyspace',
        () => world.client.router.map.global.ranges.find(quiet, key('x')) !== undefined,
        {
          timeoutMs: 60_000,
          diagnose: () =>
            JSON.stringify(world.client.router.reports(), (_, value: unknown) =>
              typeof value === 'bigint' ? String(value) : value,
            ),
        },
      )
      await put('g', '6g')
    } finally {
      world.nats.resume()
    }
  })
})
