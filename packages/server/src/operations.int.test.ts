import { join } from 'node:path'
import type { MeridianClient } from '@meridian/client'
import type { World, WorldRegion } from '@meridian/lab'
import type { Route } from '@meridian/router'
import { ChannelPool } from '@meridian/rpc'
import { tempDir, waitFor } from '@meridian/testkit'
import { keyOfText, keyspaceName, operationId, regionId } from '@meridian/topology'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { meridian } from './fixtures/meridian.ts'
import { SteadyWriter } from './fixtures/steady-writer.ts'
import { clientIn, dialling, killRegion, startRegion, startTestWorld } from './fixtures/test-world.ts'
import { writeAt } from './fixtures/write-at.ts'

// What moves, ends or loses things, as an operator does it: the commands of the program on a world of real processes.
// One world for all of it, because a world costs more than what is done in it; so each test begins where the one before
// it ended.

const [EAST, WEST, ASIA] = ['us-east', 'eu-west', 'ap-southeast'] as const
const K = keyspaceName('k')
/** L_R of the committed topology. */
const REGION_LEASE_MS = 9000
/** Commands at once: more would take the machine from the servers. */
const COMMANDS_AT_ONCE = 2

let folder: Awaited<ReturnType<typeof tempDir>>
let data: string
let world: World
let pool: ChannelPool
let client: MeridianClient
const opened = new AsyncDisposableStack()

beforeAll(async () => {
  folder = opened.use(await tempDir('operations'))
  data = join(folder.path, 'world')
  // The fourth node is where replicas can go.
  world = opened.use(await startTestWorld(folder.path, { nodes: [4, 3, 3], standstill: false }))
  pool = opened.use(new ChannelPool(dialling(regionOf(WEST))))
  ;({ client } = opened.use(await clientIn(regionOf(WEST))))
  let operations = 0
  const next = () => operationId(`setup-${(operations += 1)}`)
  const west = regionId(WEST)
  await client.control.createKeyspace(next(), K, regionId(EAST), [west])
  await client.control.split(next(), K, ['d', 'h', 'p'].map(keyOfText))
  await client.control.assign(next(), K, [{ start: keyOfText('p'), owner: regionId(ASIA), standbys: [west] }])
  const open = (...starts: string[]) =>
    client.control.open(
      next(),
      K,
      starts.map((start) => ({ start: keyOfText(start), shardBounds: [] })),
    )
  await Promise.all([open('', 'd', 'h'), open('p')])
  await Promise.all(['a', 'e', 'm', 'z'].map((key) => told(`put k/${key} 0`)))
})

afterAll(async () => {
  await opened.disposeAsync()
})

function regionOf(id: string): WorldRegion {
  const found = world.regions.find((region) => region.id === id)
  if (found === undefined) throw new Error(`no region ${id}`)
  return found
}

/** The document of a command that ends with `exit`. */
async function told(line: string, exit = 0) {
  const { code, out, err } = await meridian(data, '--json', ...line.split(' '))
  expect({ line, code, err }).toEqual({ line, code: exit, err: expect.anything() })
  return JSON.parse(out)
}

/** What must not change when nothing is done. */
async function decided() {
  const [{ ranges }, regions, operations] = await Promise.all([
    client.control.list(undefined, false),
    client.operations.regions(),
    client.operations.list(true),
  ])
  return {
    ranges,
    regions: regions.map(({ region, term, drained }) => ({ region, term, drained })),
    operations: operations.map(({ operation }) => operation),
  }
}

const ownersOf = async () =>
  Object.fromEntries((await client.control.list(K, false)).ranges.map(({ start, owner }) => [start, owner]))

/** As a client in eu-west has heard it. */
function route(key: string): Route | undefined {
  const result = client.router.route(K, keyOfText(key))
  return result.ok ? result.route : undefined
}

async function routed(key: string, wanted: (route: Route) => boolean = () => true): Promise<Route> {
  return waitFor(
    `a route to ${key}`,
    () => {
      const found = route(key)
      return found !== undefined && wanted(found) ? found : undefined
    },
    { timeoutMs: 30_000, diagnose: () => JSON.stringify(route(key) ?? null, (_, each) => String(each)) },
  )
}

/** In `--json` a key is read as it was written. */
const valueOf = async (key: string, from: string): Promise<string> =>
  (await told(`get k/${key} --region ${from}`)).value

describe('a range', () => {
  it('is planned to move, and nothing changes', async () => {
    const before = await decided()
    const { transfers } = await told('range transfer k/a --to eu-west --dry-run')
    expect(transfers).toMatchObject([{ range: { owner: EAST }, target: WEST, obstacles: [], shards: 1 }])
    expect((await told('range transfer k/a --to us-east --dry-run', 6)).transfers).toMatchObject([
      { obstacles: ['us-east owns it already'] },
    ])
    expect(await decided()).toEqual(before)
  })

  it('moves with its data, and its old token is worth nothing any more', async () => {
    await told('put k/a before')
    const old = await routed('a')
    const { operation, range, phases } = await told('range transfer k/a --to eu-west --reason test --operation move-a')
    expect(operation).toMatchObject({ source: EAST, target: WEST, phase: 'done', ended: true, reason: 'test' })
    expect(range).toMatchObject({ owner: WEST, status: 'active', generation: String(old.token.generation + 1n) })
    expect(phases.at(-1)).toMatchObject({ phase: 'done' })
    const stale = await writeAt(pool, old, keyOfText('a'), 'stale')
    expect(stale).toMatchObject({ code: 'TOKEN_MISMATCH' })
    expect(await valueOf('a', WEST)).toBe('before')
    await told('put k/a after --region us-east')
    expect(await valueOf('a', WEST)).toBe('after')
    expect((await routed('a', ({ region }) => region === WEST)).token.generation).toBe(old.token.generation + 1n)
    expect(await told('ops show move-a')).toMatchObject({ operation: { phase: 'done' } })
    expect((await told('ops list')).operations).toEqual([])
    expect((await told('ops list --all')).operations).toMatchObject([{ operation: 'move-a' }])
  })

  it('stays where it is when its transfer is ended before it could be done', async () => {
    const nodes = regionOf(ASIA).nodes.map(({ processName }) => processName)
    for (const node of nodes) world.pause(node)
    const waiting = meridian(data, 'range', 'transfer', 'k/e', '--to', ASIA, '--operation', 'stuck')
    try {
      const inFlight = await waitFor(
        'the transfer to be in flight',
        async () => (await told('ops list')).operations.find((each: { phase: string }) => each.phase === 'follow'),
        { timeoutMs: 30_000, diagnose: async () => (await meridian(data, 'ops', 'list', '--all')).out },
      )
      expect(inFlight).toMatchObject({ operation: 'stuck', source: EAST, target: ASIA, ended: false })
      await told('put k/e meanwhile')
      await told('range transfer k/e --to eu-west', 4)
      await told('ops abort stuck --reason enough')
    } finally {
      for (const node of nodes) world.resume(node)
    }
    const { code, err } = await waiting
    expect({ code, err }).toEqual({ code: 4, err: expect.stringMatching(/TRANSFER_ENDED.*aborted: enough/) })
    expect((await told('ops show stuck')).operation).toMatchObject({ phase: 'aborted', ended: true })
    expect((await told('range lookup k/e')).range).toMatchObject({ owner: EAST, status: 'active' })
    expect(await valueOf('e', EAST)).toBe('meanwhile')
    await told('put k/e 1')
  })

  it('has a policy and standbys', async () => {
    const manual = await told('range policy k/m --failover manual --budget 20s')
    expect(manual).toMatchObject({ range: { failover: 'manual', budgetMs: 20_000, owner: EAST } })
    expect(await told('range policy k/m --failover auto')).toMatchObject({ range: { failover: 'auto', budgetMs: 0 } })
    const followed = await told('range standbys k/m --set ap-southeast,eu-west')
    expect(followed.ranges).toMatchObject([{ owner: EAST, standbys: [ASIA, WEST] }])
    expect((await told('range standbys k/m --set eu-west')).ranges).toMatchObject([{ owner: EAST, standbys: [WEST] }])
  })
})

it('refuses what makes no sense in words, and changes nothing', async () => {
  const { shardId } = await routed('m')
  const before = await decided()
  const refused: readonly [exit: number, code: string, line: string][] = [
    [3, 'REGION_UNKNOWN', 'range transfer k/a --to mars'],
    [3, 'KEYSPACE_UNKNOWN', 'range transfer nowhere/a --to us-east'],
    [2, 'INVALID_ARGUMENT', 'range transfer k/a --to eu-west'],
    [3, 'OPERATION_UNKNOWN', 'ops show nothing'],
    [3, 'OPERATION_UNKNOWN', 'ops abort nothing'],
    [4, 'TRANSFER_ENDED', 'ops abort move-a'],
    [2, 'INVALID_ARGUMENT', 'range policy k/a --failover auto --budget 1m'],
    [3, 'KEYSPACE_UNKNOWN', 'range policy nowhere/a --failover auto'],
    [3, 'REGION_UNKNOWN', 'range standbys k/a --set mars'],
    [3, 'REGION_UNKNOWN', 'region evacuate mars'],
    [3, 'REGION_UNKNOWN', 'region evacuate us-east --to mars'],
    [2, 'INVALID_ARGUMENT', 'region evacuate us-east --to us-east'],
    [3, 'REGION_UNKNOWN', 'region return mars'],
    [3, 'REGION_UNKNOWN', 'region failover mars --yes'],
    [2, 'INVALID_ARGUMENT', 'region failover us-east'],
    [3, 'NODE_UNKNOWN', 'node drain us-east-n9'],
    [3, 'SHARD_UNKNOWN', 'shard move 99.0 --from us-east-n1'],
    [3, 'NODE_UNKNOWN', `shard move ${shardId} --from us-east-n1 --to us-east-n9`],
  ]
  const waiting = [...refused]
  const seen: string[] = []
  await Promise.all(
    Array.from({ length: COMMANDS_AT_ONCE }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        const [, , line] = next
        const { code, out, err } = await meridian(data, '--json', ...line.split(' '))
        const { error } = JSON.parse(out)
        expect(err).toContain(error.message)
        seen.push(`${code} ${error.code}: ${line}`)
      }
    }),
  )
  expect(seen.toSorted()).toEqual(refused.map(([exit, code, line]) => `${exit} ${code}: ${line}`).toSorted())
  expect(await decided()).toEqual(before)
})

describe('a node', () => {
  it('gives one replica to another', async () => {
    const { shardId, leader } = await routed('m')
    const replicas = await replicasOf(shardId)
    const from = replicas.find((node) => node !== leader) ?? ''
    const to = regionOf(EAST).nodes.find(({ id }) => !replicas.includes(id))?.id ?? ''
    const { move } = await told(`shard move ${shardId} --from ${from} --to ${to}`)
    expect(move).toMatchObject({ shardId, from, to, phase: 'done' })
    expect((await told('shard moves --region us-east')).moves).toMatchObject([{ operation: move.operation }])
    expect(await replicasOf(shardId)).toEqual(expect.arrayContaining([to]))
    expect(await replicasOf(shardId)).not.toContain(from)
    await told('put k/m 1')
  })

  it('is drained, and leads again when that is over', async () => {
    const { leader } = await routed('m')
    const drained = await told(`node drain ${leader}`)
    expect(drained).toMatchObject({ node: leader, duty: 'draining', shardsLed: 0, over: true })
    expect(await nodeStatus(leader)).toBe('draining')
    await routed('m', (now) => now.leader !== leader)
    await told('put k/m 2')
    expect(await told(`node undrain ${leader}`)).toEqual({ node: leader, duty: 'serving' })
    expect(await nodeStatus(leader)).toBe('up')
  })

  it('leaves for good, and nothing is lost', async () => {
    const { leader } = await routed('m')
    const left = await told(`node decommission ${leader}`)
    expect(left).toMatchObject({ node: leader, duty: 'decommissioned', shardsLed: 0, shardsHeld: 0, over: true })
    expect(await nodeStatus(leader)).toBe('decommissioned')
    const name = regionOf(EAST).nodes.find(({ id }) => id === leader)?.processName ?? ''
    await world.kill(name)
    expect(await valueOf('m', EAST)).toBe('2')
    await told('put k/m 3')
    await told(`node drain ${leader}`, 4)
  })

  async function replicasOf(shardId: string): Promise<string[]> {
    const { shards } = await told('shard list k')
    return shards.find((shard: { shardId: string }) => shard.shardId === shardId).replicas
  }

  async function nodeStatus(node: string): Promise<string> {
    const [{ status }] = (await told('status --region us-east')).regions
    return status.nodes.find((each: { nodeId: string }) => each.nodeId === node).status
  }
})

describe('a region', () => {
  it('is planned to be emptied, is emptied, and filled again', async () => {
    const before = await decided()
    const { transfers } = await told('region evacuate us-east --dry-run')
    expect(transfers).toHaveLength(2)
    expect(transfers).toMatchObject([
      { range: { owner: EAST }, target: WEST, obstacles: [] },
      { range: { owner: EAST }, target: WEST, obstacles: [] },
    ])
    expect(await decided()).toEqual(before)

    const emptied = await told('region evacuate us-east --reason test')
    expect(emptied.left).toEqual([])
    expect(emptied.moved.map(({ start }: { start: string }) => start).toSorted()).toEqual(['d', 'h'])
    expect(await ownersOf()).toEqual({ '': WEST, d: WEST, h: WEST, p: ASIA })
    expect(await health(EAST)).toMatchObject({ drained: true, rangesOwned: 0 })
    await told('range transfer k/a --to us-east', 4)
    await told('put k/e 2')

    expect(await told('region return us-east --dry-run')).toMatchObject({ transfers: [{}, {}, {}] })
    // What a transfer of its own took away comes back too.
    const filled = await told('region return us-east')
    expect(filled.left).toEqual([])
    expect(await ownersOf()).toEqual({ '': EAST, d: EAST, h: EAST, p: ASIA })
    expect(await health(EAST)).toMatchObject({ drained: false, rangesOwned: 3 })
    expect([await valueOf('a', WEST), await valueOf('e', WEST), await valueOf('m', WEST)]).toEqual(['after', '2', '3'])
  })

  it('is given up by hand; what nobody else has is kept when it returns, until it is dropped', async () => {
    // Not copied to its standby, so nobody else will know of it.
    await world.lab.links.cutPair(ASIA, WEST)
    await told('put k/z lost --region ap-southeast')
    await killRegion(world, ASIA)
    await world.lab.links.healPair(ASIA, WEST)
    const { regions } = await told('status', 6)
    expect(regions.find((each: { region: string }) => each.region === ASIA)).toMatchObject({ status: null })

    expect((await told('region failover ap-southeast --dry-run')).takes).toMatchObject([
      { range: { owner: ASIA, start: 'p' }, target: WEST, obstacles: [] },
    ])
    const { operation } = await told('region failover ap-southeast --powered-off --reason fire --yes')
    expect(operation).toMatchObject({ kind: 'takeover', source: ASIA, phase: 'done', moved: 1, left: 0 })
    expect(await ownersOf()).toMatchObject({ p: WEST })
    expect(await valueOf('z', WEST)).toBe('0')
    await told('put k/z kept')

    await startRegion(world, ASIA)
    const { shardId } = await routed('z', ({ region }) => region === WEST)
    const listed = await waitFor(
      'the region to report what it had alone',
      async () => {
        const document = JSON.parse((await meridian(data, '--json', 'quarantine', 'list')).out)
        return document.shards?.length > 0 && document.silent.length === 0 ? document : undefined
      },
      { timeoutMs: 60_000, everyMs: 500, diagnose: async () => (await meridian(data, 'quarantine', 'list')).out },
    )
    expect(listed.shards).toMatchObject(listed.shards.map(() => ({ region: ASIA, shardId, entries: '1' })))
    expect((await told(`quarantine list --shard ${shardId}`)).entries).toMatchObject([
      { items: [{ key: 'z', value: 'lost' }] },
    ])
    await told(`quarantine drop ${shardId}`, 2)
    const dropped = await told(`quarantine drop ${shardId} --yes`)
    expect(dropped).toMatchObject({ shardId, dropped: String(listed.shards.length), silent: [] })
    expect((await told('quarantine list')).shards).toEqual([])

    const returned = await told('region return ap-southeast')
    expect(returned).toMatchObject({ left: [], moved: [{ start: 'p', source: WEST, target: ASIA }] })
    expect(await valueOf('z', ASIA)).toBe('kept')
  })
})

async function health(region: string) {
  const { regions } = await told(`region list --region ${region}`)
  return regions.find((each: { region: string }) => each.region === region)
}

it('without the global tier writes end with the lease, and go on when it is back', async () => {
  const before = await decided()
  await using writers = new AsyncDisposableStack()
  const steady: SteadyWriter[] = []
  for (const [region, key] of [
    [EAST, 'a'],
    [EAST, 'm'],
    [ASIA, 'z'],
  ] as const) {
    const { client: near } = writers.use(await clientIn(regionOf(region)))
    const writer = new SteadyWriter({ client: near, keyspace: K, key: keyOfText(key), timeoutMs: 1000 })
    steady.push(writers.use(writer))
  }
  const newest = () => JSON.stringify(steady.map((writer) => writer.newest))
  await waitFor('writes', () => steady.every((writer) => writer.newest?.code === 'ok'), { diagnose: newest })

  const voters = [EAST, WEST].map((region) => regionOf(region).globalEtcd?.processName ?? '')
  const lostMs = performance.now()
  await Promise.all(voters.map((voter) => world.kill(voter)))
  await waitFor('refusals', () => steady.every((writer) => writer.newest?.code === 'NO_REGION_LEASE'), {
    timeoutMs: 30_000,
    diagnose: newest,
  })
  for (const writer of steady) {
    const sent = writer.written.flatMap(({ sentMs, code }) => (code === 'ok' ? [sentMs - lostMs] : []))
    expect(Math.max(...sent)).toBeGreaterThan(0)
    expect(Math.max(...sent)).toBeLessThan(REGION_LEASE_MS)
  }
  expect(await health(EAST)).toMatchObject({ continuesMs: 0 })

  await Promise.all(voters.map((voter) => world.restart(voter)))
  await waitFor('writes again', () => steady.every((writer) => writer.newest?.code === 'ok'), {
    timeoutMs: 60_000,
    diagnose: newest,
  })
  expect(await decided()).toEqual(before)
})
