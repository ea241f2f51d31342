import { join } from 'node:path'
import type { World } from '@meridian/lab'
import { tempDir, waitFor } from '@meridian/testkit'
import { keyOfText, keyspaceName, operationId, regionId } from '@meridian/topology'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { meridian } from './fixtures/meridian.ts'
import { SteadyWriter } from './fixtures/steady-writer.ts'
import { clientIn, startTestWorld } from './fixtures/test-world.ts'

// The global tier loses its majority in a world that is configured to stand still then. What happens without is in
// `operations.int.test.ts`.

const K = keyspaceName('k')
/** First keys of the ranges of the regions, in their order. */
const STARTS = ['', 'h', 'p'].map(keyOfText)
/** L_R of the committed topology. */
const REGION_LEASE_MS = 9000
/** Longer than twice what the lease alone allows. */
const OUTAGE_MS = 20_000

let data: string
let world: World
const opened = new AsyncDisposableStack()
const writers: SteadyWriter[] = []

beforeAll(async () => {
  const folder = opened.use(await tempDir('standstill'))
  data = join(folder.path, 'world')
  world = opened.use(await startTestWorld(folder.path, { nodes: [3, 3, 3], standstill: true }))
  const clients = []
  for (const region of world.regions) clients.push(opened.use(await clientIn(region)).client)
  const [first] = clients
  const [east, west, asia] = world.regions.map(({ id }) => regionId(id))
  if (first === undefined || east === undefined || west === undefined || asia === undefined) throw new Error('no world')
  const { control } = first
  await control.createKeyspace(operationId('keyspace'), K, east, [west])
  await control.split(operationId('split'), K, STARTS.slice(1))
  const owners = [east, west, asia]
  const assignments = STARTS.map((start, at) => ({
    start,
    owner: owners[at] ?? east,
    standbys: [owners[(at + 1) % owners.length] ?? east],
  }))
  await control.assign(operationId('assign'), K, assignments.slice(1))
  for (const [at, start] of STARTS.entries())
    await control.open(operationId(`open-${at}`), K, [{ start, shardBounds: [] }])
  for (const [at, client] of clients.entries()) {
    const key = STARTS[at] === keyOfText('') ? keyOfText('a') : (STARTS[at] ?? keyOfText('a'))
    writers.push(opened.use(new SteadyWriter({ client, keyspace: K, key, timeoutMs: 10_000 })))
  }
})

afterAll(async () => {
  await opened.disposeAsync()
})

it('all regions write on while the global tier is away, say for how long, and nothing is taken when it is back', async () => {
  const newest = () => JSON.stringify(writers.map((writer) => writer.newest))
  const failed = () => {
    const codes = writers.flatMap(({ written }) => written.flatMap(({ code }) => (code === 'ok' ? [] : [code])))
    return codes.length === 0 ? undefined : `writes failed: ${codes.join(', ')}`
  }
  await waitFor('writes', () => writers.every((writer) => writer.newest?.code === 'ok'), {
    timeoutMs: 30_000,
    diagnose: newest,
  })
  const before = await generations()

  const voters = world.regions.slice(0, 2).map(({ globalEtcd }) => globalEtcd?.processName ?? '')
  const lostMs = performance.now()
  await Promise.all(voters.map((voter) => world.kill(voter)))
  const goneMs = () => performance.now() - lostMs
  await waitFor('the leases to have run out', () => goneMs() > REGION_LEASE_MS + 1000, {
    timeoutMs: OUTAGE_MS,
    giveUp: failed,
    diagnose: newest,
  })
  const { code, out } = await meridian(data, 'status')
  expect(code).toBe(0)
  expect(out.match(/^ +without G +writes go on for \d.*, by standstill$/gm), out).toHaveLength(3)
  expect(out.match(/^ +impaired +the global tier has not answered for \d/gm), out).toHaveLength(3)
  await waitFor('a long outage', () => goneMs() > OUTAGE_MS, {
    timeoutMs: OUTAGE_MS,
    giveUp: failed,
    diagnose: newest,
  })
  for (const { newest: last } of writers) expect((last?.sentMs ?? 0) - lostMs).toBeGreaterThan(2 * REGION_LEASE_MS)

  await Promise.all(voters.map((voter) => world.restart(voter)))
  const counters = await renewals()
  await waitFor(
    'every region to have renewed',
    async () => (await renewals()).every((counter, at) => counter >= (counters[at] ?? 0n) + 2n),
    { timeoutMs: 60_000, everyMs: 500, giveUp: failed, diagnose: async () => String(await renewals()) },
  )
  expect(await generations()).toEqual(before)
  expect(failed()).toBeUndefined()
})

async function document(...args: string[]) {
  const { code, out, err } = await meridian(data, '--json', ...args)
  expect({ args, code, err }).toEqual({ args, code: 0, err: expect.anything() })
  return JSON.parse(out)
}

async function renewals(): Promise<bigint[]> {
  const { regions } = await document('region', 'list')
  return regions.map(({ counter }: { counter: string }) => BigInt(counter))
}

async function generations(): Promise<unknown> {
  const { ranges } = await document('range', 'list')
  const { regions } = await document('region', 'list')
  return {
    ranges: ranges.map(({ rangeId, owner, generation }: Record<string, unknown>) => ({ rangeId, owner, generation })),
    terms: regions.map(({ region, term }: Record<string, unknown>) => ({ region, term })),
  }
}
