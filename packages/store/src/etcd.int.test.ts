import { silentLogger, systemClock } from '@meridian/loop'
import type { EtcdCluster, Link, TcpCutter, Toxiproxy } from '@meridian/testkit'
import { freePort, startEtcd, startTcpCutter, startToxiproxy, waitFor } from '@meridian/testkit'
import { isMeridianError } from '@meridian/topology'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { after, NEVER, put, settled, text, write } from './conformance/context.ts'
import type { StoreWorld, WorldClient } from './conformance/index.ts'
import { campaign } from './campaign.ts'
import { storeConformance } from './conformance/index.ts'
import { WatchRecorder } from './conformance/watch-recorder.ts'
import { openEtcdStore } from './etcd/index.ts'
import { observeLeader } from './observe-leader.ts'
import type { Store, Txn } from './store.ts'

/** For clients of servers that fall silent on purpose; all others wait as long as users do, because machines stall. */
const IMPATIENT_MS = 1500

function open(endpoints: readonly string[], requestTimeoutMs?: number): Promise<Store> {
  return openEtcdStore({
    endpoints,
    clock: systemClock,
    log: silentLogger,
    listPageRecords: 100,
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
  })
}

/** Creates the key; asked again while nobody answers, and made once however often it was asked. */
async function create(store: Store, key: string, value: string): Promise<void> {
  const txn: Txn = { guards: [{ kind: 'create-revision', key, equals: NEVER }], operations: [put(key, value)] }
  await waitFor(`creation of ${key}`, () => store.txn(txn), { timeoutMs: 30_000 })
  expect(text((await store.get(key))?.value)).toBe(value)
}

/** A client behind a cutter behind a Toxiproxy link: bytes are looked at in the one, lost in the other. */
interface FaultyClient extends WorldClient {
  readonly cutter: TcpCutter
  readonly link: Link
}

async function faultyClient(stack: AsyncDisposableStack, proxy: Toxiproxy, upstream: string): Promise<FaultyClient> {
  const link = stack.use(await proxy.proxy('client', upstream))
  const cutter = stack.use(await startTcpCutter(link.address))
  const store = stack.use(await open([`http://${cutter.address}`]))
  return {
    store,
    cutter,
    link,
    isolate: () => link.cut(),
    heal: () => link.heal(),
    cut: async () => cutter.cutAll(),
    async losingAnswer(call, mention, arrived) {
      cutter.onBytes('upstream', (_total, chunk) => {
        if (chunk.includes(mention)) cutter.dropResponses(true)
        return 'pass'
      })
      const answer = settled(call())
      await waitFor(`${mention} arrived`, arrived)
      cutter.onBytes('upstream', undefined)
      cutter.cutAll()
      cutter.dropResponses(false)
      const outcome = await answer
      if ('error' in outcome) throw outcome.error
      return outcome.value
    },
  }
}

async function makeWorld(): Promise<StoreWorld> {
  const stack = new AsyncDisposableStack()
  const cluster = stack.use(await startEtcd())
  const proxy = stack.use(await startToxiproxy())
  const [upstream = ''] = cluster.endpoints
  return {
    clock: systemClock,
    leaseTtlMs: 3000,
    client: () => faultyClient(stack, proxy, upstream),
    async compact(revision) {
      await cluster.etcdctl(['compact', String(revision)])
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

storeConformance('etcd', makeWorld)

describe('one etcd member', () => {
  const stack = new AsyncDisposableStack()
  let cluster: EtcdCluster
  let proxy: Toxiproxy
  let store: Store
  let url: string

  beforeAll(async () => {
    cluster = stack.use(await startEtcd())
    proxy = stack.use(await startToxiproxy())
    url = cluster.endpoints[0] ?? ''
    store = stack.use(await open([url]))
  })
  afterAll(() => stack.disposeAsync())

  it('loses nothing when cut after the confirmation of a watch and before its backlog, again and again', async () => {
    await using far = new AsyncDisposableStack()
    const client = await faultyClient(far, proxy, url)
    const first = await write(store, put('/e1/a', 'v0'))
    const watch = far.use(new WatchRecorder(client.store, first, '/e1/'))
    await watch.until('v0', () => watch.lines.length === 1)
    await client.link.refuse()
    await watch.until('lost', () => watch.connections.at(-1) === 'lost')
    for (let i = 1; i <= 5; i++) await write(store, put('/e1/a', `v${i}`))
    let cuts = 0
    client.cutter.onBytes('downstream', (_total, chunk) => {
      // The key is first mentioned in the backlog; the confirmation went before.
      if (cuts === 3 || !chunk.includes('/e1/a')) return 'pass'
      cuts += 1
      return 'cut'
    })
    await client.link.accept()
    await watch.until('v5', () => watch.lines.length >= 6)
    expect(cuts).toBe(3)
    expect(watch.lines).toEqual([0, 1, 2, 3, 4, 5].map((i) => `/e1/a=v${i}`))
  })

  it('delivers a backlog far above 4 MiB, each revision whole', async () => {
    // etcd cuts at 2 MiB, which is within a revision of these.
    const value = 'x'.repeat(400 * 1024)
    const from = after((await store.list('/e2/')).revision)
    const count = 8
    for (let i = 0; i < count; i++) await write(store, put('/e2/a', value), put('/e2/b', value), put('/e2/c', value))
    await using watch = new WatchRecorder(store, from, '/e2/')
    await watch.until('all', () => watch.revisions.length >= count)
    expect(watch.revisions).toEqual(Array.from({ length: count }, (_, i) => from + BigInt(i)))
    for (const event of watch.events) {
      if (event.kind === 'changes')
        expect(event.changes.map(({ value: v }) => v?.length)).toEqual([409600, 409600, 409600])
    }
    expect((await store.list('/e2/')).records).toHaveLength(3)
  })

  it('says that a write surely had no effect when nobody listens, and meets its deadline when nobody answers', async () => {
    await using nobody = await open([`http://127.0.0.1:${await freePort()}`])
    await expect(write(nobody, put('/e4/a', 'x'))).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(nobody.get('/e4/a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await using far = new AsyncDisposableStack()
    const client = await faultyClient(far, proxy, url)
    const impatient = far.use(await open([`http://${client.cutter.address}`], IMPATIENT_MS))
    await waitFor('a connection', () => impatient.get('/e4/a').then(() => true))
    await client.isolate()
    // By its own deadline, and not because the connection was found dead.
    await expect(impatient.txn({ guards: [], operations: [] })).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      details: { grpc: expect.stringContaining('DEADLINE_EXCEEDED') },
    })
  })

  it('grants what the server grants, not what was asked for', async () => {
    const lease = await store.grantLease(10)
    expect(lease.ttlMs).toBe(1000)
    expect(await store.renewLease(lease.id)).toBe(1000)
    await store.revokeLease(lease.id)
    await store.revokeLease(lease.id)
    expect(await store.renewLease(lease.id)).toBeUndefined()
  })

  it('goes on after a restart of the member', async () => {
    const [member] = cluster.members
    const from = after((await store.list('/restart/')).revision)
    await using watch = new WatchRecorder(store, from, '/restart/')
    await write(store, put('/restart/a', '1'))
    await watch.until('the first', () => watch.lines.length === 1)
    await member?.kill()
    await expect(store.get('/restart/a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await member?.start()
    await create(store, '/restart/b', '2')
    await watch.until('the second', () => watch.lines.length === 2)
    expect(watch.lines).toEqual(['/restart/a=1', '/restart/b=2'])
  })
})

describe('three etcd members', () => {
  const stack = new AsyncDisposableStack()
  let cluster: EtcdCluster
  beforeAll(async () => {
    cluster = stack.use(await startEtcd({ members: 3, heartbeatMs: 100 }))
  })
  afterAll(() => stack.disposeAsync())

  it('asks the nearest that answers, and comes back to it', async () => {
    const [near, far] = cluster.members
    if (near === undefined || far === undefined) throw new Error('no members')
    await using store = await open([near.clientUrl, far.clientUrl])
    expect((await store.status()).endpoint).toBe(near.clientUrl)
    await near.kill()
    expect((await store.status()).endpoint).toBe(far.clientUrl)
    await create(store, '/near/a', '1')
    await near.start()
    await waitFor('the nearest answers again', async () => (await store.status()).endpoint === near.clientUrl)
    await cluster.ready()
  })

  it('moves the leadership to a member named, asked by way of any, while writes go on', async () => {
    await using store = await open(
      cluster.members.map(({ clientUrl }) => clientUrl),
      IMPATIENT_MS,
    )
    const members = await store.members()
    expect(members.map(({ name }) => name).toSorted()).toEqual(cluster.members.map(({ name }) => name).toSorted())
    const acknowledged: string[] = []
    let unknown = 0
    for (const { memberId, name } of members) {
      const enough = acknowledged.length + 3
      let [arrived, refusal] = [false, '']
      // Refused by a leader deposed meanwhile, or unanswered: whoever wants the leadership moved asks again.
      const lawful = (error: unknown) => {
        if (!isMeridianError(error, 'OUTCOME_UNKNOWN') && !isMeridianError(error, 'UNAVAILABLE'))
          refusal = String(error)
      }
      const bounds = {
        timeoutMs: 60_000,
        giveUp: () => refusal || undefined,
        diagnose: () => `${acknowledged.length} writes acknowledged, ${unknown} not; arrived: ${arrived}`,
      }
      const moving = waitFor(
        `${name} leads, in the eyes of all`,
        async () => {
          const asked = await settled(store.moveLeader(memberId))
          if ('error' in asked) lawful(asked.error)
          arrived = (await store.members()).every((member) => member.status?.leader === memberId)
          return arrived
        },
        bounds,
      )
      const writing = waitFor(
        'writes before, during and after',
        async () => {
          const key = `/move/${acknowledged.length + unknown}`
          const outcome = await settled(write(store, put(key, name)))
          if ('value' in outcome) acknowledged.push(key)
          else {
            unknown += 1
            lawful(outcome.error)
          }
          return arrived && acknowledged.length >= enough
        },
        bounds,
      )
      await Promise.all([moving, writing])
    }
    // What a leader drops while it hands over is unknown to the writer; what was acknowledged is there.
    const { records } = await store.list('/move/')
    expect(records.map(({ key }) => key)).toEqual(expect.arrayContaining(acknowledged))
  })

  it('brings a watch that had to go far back to the nearest, without a word and without loss', async () => {
    const [near, far] = cluster.members
    if (near === undefined || far === undefined) throw new Error('no members')
    await using doors = new AsyncDisposableStack()
    const nearDoor = doors.use(await startTcpCutter(near.clientUrl))
    const farDoor = doors.use(await startTcpCutter(far.clientUrl))
    const store = doors.use(
      await openEtcdStore({
        endpoints: [nearDoor, farDoor].map(({ address }) => `http://${address}`),
        // Ten seconds between looks are two and a half; what counts as silence stays as it is.
        clock: { nowMs: () => systemClock.nowMs() * 4, sleep: (ms, signal) => systemClock.sleep(ms, signal) },
        log: silentLogger,
      }),
    )
    const writer = doors.use(await open([far.clientUrl]))
    const from = after((await writer.list('/home/')).revision)
    const watch = doors.use(new WatchRecorder(store, from, '/home/'))
    const written: string[] = []
    const delivered = async (): Promise<void> => {
      const key = `/home/${written.length}`
      await create(writer, key, 'x')
      written.push(`${key}=x`)
      await watch.until('what was written', () => watch.lines.length >= written.length, 30_000)
    }
    const bounds = { timeoutMs: 30_000, diagnose: () => watch.connections.join() }
    const sides = () => [nearDoor.connections > 0, farDoor.connections > 0].join()
    await delivered()
    await waitFor('at the nearest', () => sides() === 'true,false', bounds)
    let silent = false
    // A machine that stalls loses watches too, and says so: a journey that such a loss fell into is made again.
    for (let journeys = 0; journeys < 5 && !silent; journeys++) {
      await near.kill()
      await waitFor('far', () => watch.connections.at(-1) === 'connected' && sides() === 'false,true', bounds)
      await delivered()
      const before = watch.connections.length
      await near.start()
      await waitFor('home', () => sides() === 'true,false', bounds)
      await delivered()
      silent = watch.connections.length === before
    }
    expect(watch.lines).toEqual(written)
    expect(silent, watch.connections.join()).toBe(true)
    expect(watch.connections).toContain('lost')
  })

  it('keeps a leadership while the nearest server is silent and another answers', async () => {
    const [near, far] = cluster.members
    if (near === undefined || far === undefined) throw new Error('no members')
    await using doors = new AsyncDisposableStack()
    const proxy = doors.use(await startToxiproxy())
    const link = doors.use(await proxy.proxy('near', near.clientUrl))
    const store = doors.use(
      await openEtcdStore({
        endpoints: [`http://${link.address}`, far.clientUrl],
        clock: systemClock,
        log: silentLogger,
      }),
    )
    // Long enough that only a server, and no stall of the machine, can be silent for the renewals that it has time for.
    const ttlMs = 10_000
    const stop = new AbortController()
    const options = { role: 'r', value: 'v', ttlMs, clock: systemClock, log: silentLogger, signal: stop.signal }
    const leadership = await campaign(store, options)
    await link.cut()
    const untilMs = systemClock.nowMs() + 1.25 * ttlMs
    await waitFor('more than a TTL', () => systemClock.nowMs() > untilMs, {
      timeoutMs: 4 * ttlMs,
      giveUp: () => (leadership.lost.aborted ? String(leadership.lost.reason) : undefined),
    })
    await using writer = await open([far.clientUrl])
    expect(await observeLeader(writer, 'r')).toEqual({ token: leadership.token, value: 'v' })
    await leadership.resign()
  })

  it('notices the loss of its quorum, also in watches, and loses nothing', async () => {
    const [left, ...killed] = cluster.members
    if (left === undefined) throw new Error('no members')
    await using store = await open([left.clientUrl], IMPATIENT_MS)
    const from = after((await store.list('/e8/')).revision)
    await using watch = new WatchRecorder(store, from, '/e8/')
    await create(store, '/e8/a', '1')
    await watch.until('the first', () => watch.lines.length === 1)
    await Promise.all(killed.map((member) => member.kill()))
    await watch.until('the silence noticed', () => watch.connections.at(-1) === 'lost', 30_000)
    await expect(store.get('/e8/a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    expect(text((await store.get('/e8/a', { consistency: 'local' }))?.value)).toBe('1')
    await expect(write(store, put('/e8/lost', 'lost'))).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    await Promise.all(killed.map((member) => member.start()))
    await create(store, '/e8/b', '2')
    const lines = () => watch.lines.filter((line) => !line.startsWith('/e8/lost'))
    await watch.until('the second', () => lines().length >= 2, 30_000)
    expect(lines()).toEqual(['/e8/a=1', '/e8/b=2'])
  })
})
