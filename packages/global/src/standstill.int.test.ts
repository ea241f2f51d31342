import { HybridClock, systemPhysicalClock } from '@meridian/hlc'
import { LoopScope, silentLogger, systemClock } from '@meridian/loop'
import { openEtcdStore } from '@meridian/store/etcd'
import { Mirror } from '@meridian/store/mirror'
import { startEtcd, waitFor } from '@meridian/testkit'
import { EMPTY_KEY } from '@meridian/topology'
import type { RegionId, Revision } from '@meridian/topology'
import { expect, it } from 'vitest'
import { bootstrapGlobal } from './bootstrap.ts'
import { GLOBAL_MIRROR_PREFIXES, GlobalView } from './global-view.ts'
import { OwnershipService } from './ownership-service.ts'
import { PromiseKeeper, TAKING_PREFIX } from './promise-keeper.ts'
import { RegionAgent } from './region-agent.ts'
import { Standstill } from './standstill.ts'
import { CITIES, EAST, nextOperation, WEST } from './world.ts'

const LEASE_MS = 1500
const PROMISE_MS = 1000

it('on etcd a region goes on while the global tier is away and everybody promises, and no longer', async () => {
  await using globalEtcd = await startEtcd({ heartbeatMs: 20 })
  await using eastEtcd = await startEtcd({ heartbeatMs: 20 })
  await using westEtcd = await startEtcd({ heartbeatMs: 20 })
  await using scope = new LoopScope(silentLogger)
  const { signal } = scope
  const clock = systemClock
  const log = silentLogger
  const random = Math.random
  await using store = await openEtcdStore({ endpoints: globalEtcd.endpoints, clock, log })
  await using eastStore = await openEtcdStore({ endpoints: eastEtcd.endpoints, clock, log })
  await using westStore = await openEtcdStore({ endpoints: westEtcd.endpoints, clock, log })
  await bootstrapGlobal(store, signal)
  await using mirror = await Mirror.open(store, { prefixes: GLOBAL_MIRROR_PREFIXES, clock, log, random }, signal)
  using view = new GlobalView(mirror)
  const hlc = await HybridClock.open({ origin: 'a', physical: systemPhysicalClock, signal })
  const ownership = new OwnershipService({ store, view, hlc, clock, log, random })
  const create = { kind: 'create-keyspace', keyspace: CITIES, owner: EAST, standbys: [WEST] } as const
  await ownership.mutate(nextOperation(), create, signal)
  const members = () => [EAST, WEST]
  const keeper = (region: RegionId, of: typeof store) =>
    PromiseKeeper.open(
      {
        region,
        store: of,
        globalWorks: () => mirror.ageMs() < 600,
        members,
        promiseMs: PROMISE_MS,
        clock,
        log,
        random,
      },
      signal,
    )
  await using east = await keeper(EAST, eastStore)
  await using west = await keeper(WEST, westStore)
  let deaf = false
  const standstill = new Standstill({
    region: EAST,
    members,
    ask: (region, abort) => {
      if (region === EAST) return east.promise(EAST, abort)
      return deaf ? Promise.reject(new Error('no way there')) : west.promise(EAST, abort)
    },
    askBelowMs: LEASE_MS - 400,
    askEveryMs: 100,
    clock,
    log,
  })
  const guard = { jumps: 0, cleared: () => true }
  const facts = { region: EAST, store, view, clock, log, leaseMs: LEASE_MS, renewEveryMs: 200, guard }
  const agent = new RegionAgent({ ...facts, standstill })
  scope.start('agent', (ended) => agent.run(ended))
  scope.start('standstill', (ended) => standstill.run(ended))
  await ownership.catchUp(signal)
  const { rangeId, generation } = ownership.lookupLocal(CITIES, EMPTY_KEY)
  const leftMs = () => agent.confirm([{ rangeId, generation }]).confirmed[0]?.remainingMs ?? 0
  await waitFor('the region vouches by its lease', () => agent.remainingMs() > 0 && leftMs() > 0)
  await expect(west.promise(EAST, signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' })

  const [member] = globalEtcd.members
  member?.pause()
  await waitFor('the lease has run out', () => agent.remainingMs() === 0)
  const sinceMs = clock.nowMs()
  let gaps = 0
  await waitFor('it has gone on for long', () => {
    if (leftMs() === 0) gaps += 1
    return clock.nowMs() - sinceMs > 2 * PROMISE_MS
  })
  expect(gaps).toBe(0)
  expect(await west.acquire(EAST, 1n as Revision, signal)).toMatch(/promised to stand still/)

  deaf = true
  await waitFor('without the promise of one it ends', () => leftMs() === 0)
  const acquired = async () => (await west.acquire(EAST, 1n as Revision, signal)) === undefined
  await waitFor('who promised nothing for long may take', acquired)
  deaf = false
  await expect(west.promise(EAST, signal)).rejects.toMatchObject({ message: 'eu-west is taking the ranges of us-east' })
  expect(leftMs()).toBe(0)

  member?.resume()
  await waitFor('the lease is back', () => agent.remainingMs() > 0 && leftMs() > 0)
  west.returned(EAST, view.record('/region/us-east')?.modRevision ?? (0n as Revision))
  await waitFor('the taking is over', async () => (await westStore.get(TAKING_PREFIX + EAST)) === undefined)
})
