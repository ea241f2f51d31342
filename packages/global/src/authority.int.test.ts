import { HybridClock, systemPhysicalClock } from '@meridian/hlc'
import { LoopScope, silentLogger, systemClock } from '@meridian/loop'
import { openEtcdStore } from '@meridian/store/etcd'
import { Mirror } from '@meridian/store/mirror'
import { startEtcd, waitFor } from '@meridian/testkit'
import type { WaitOptions } from '@meridian/testkit'
import { keyOfText, OWNERSHIP_BATCH_MAX, regionId } from '@meridian/topology'
import { expect, it } from 'vitest'
import { Authority } from './authority.ts'
import { bootstrapGlobal } from './bootstrap.ts'
import { GLOBAL_MIRROR_PREFIXES, GlobalView } from './global-view.ts'
import { takeoverOperation } from './journal.ts'
import { OwnershipService } from './ownership-service.ts'
import { RegionAgent } from './region-agent.ts'
import { takeoverTimingOf } from './takeover-core.ts'
import { CITIES, EAST, nextOperation, WEST } from './world.ts'

/** Long against the stalls of a busy machine. */
const LEASE_MS = 3000
const WAIT_MS_MAX = 60_000
const RANGES = 400
const SOUTH = regionId('ap-southeast')

const until = (what: string, probe: () => boolean, options: WaitOptions = {}) =>
  waitFor(what, probe, { timeoutMs: WAIT_MS_MAX, ...options })

it('an authority on etcd: takes from who is silent, not after the store was away, and stops for who returns', async () => {
  await using etcd = await startEtcd()
  await using scope = new LoopScope(silentLogger)
  const { signal } = scope
  const clock = systemClock
  const log = silentLogger
  const random = Math.random
  await using store = await openEtcdStore({ endpoints: etcd.endpoints, clock, log })
  await bootstrapGlobal(store, signal)
  await using mirror = await Mirror.open(store, { prefixes: GLOBAL_MIRROR_PREFIXES, clock, log, random }, signal)
  using view = new GlobalView(mirror)
  const hlc = await HybridClock.open({ origin: 'a', physical: systemPhysicalClock, signal })
  const ownership = new OwnershipService({ store, view, hlc, clock, log, random })
  const create = { kind: 'create-keyspace', keyspace: CITIES, owner: EAST, standbys: [WEST, SOUTH] } as const
  await ownership.mutate(nextOperation(), create, signal)
  const points = Array.from({ length: RANGES - 1 }, (_, index) => keyOfText(`k${String(index).padStart(4, '0')}`))
  for (let at = 0; at < points.length; at += OWNERSHIP_BATCH_MAX) {
    const split = { kind: 'split', keyspace: CITIES, at: points.slice(at, at + OWNERSHIP_BATCH_MAX) } as const
    await ownership.mutate(nextOperation(), split, signal)
  }

  const guard = { jumps: 0, cleared: () => true }
  const halves = new Map(
    [EAST, WEST, SOUTH].map((region) => {
      const stop = new AbortController()
      const agent = new RegionAgent({ region, store, view, clock, log, leaseMs: LEASE_MS, renewEveryMs: 200, guard })
      scope.start(region, (ended) => agent.run(AbortSignal.any([ended, stop.signal])))
      return [region, { agent, stop }]
    }),
  )
  const authority = new Authority({
    store,
    view,
    ownership,
    address: 'a:1',
    electionTtlMs: 3000,
    timing: { ...takeoverTimingOf(LEASE_MS), lookEveryMs: 100, coolDownMs: 500 },
    standbyFacts: () => ({ hasPage: true }),
    clock,
    wallMs: () => Date.now(),
    log,
    random,
  })
  scope.start('authority', (ended) => authority.run(ended))
  await until('elected', () => authority.isElected)
  await until(
    'every region renews',
    () => authority.regions().filter(({ objection }) => objection === undefined).length === 3,
  )
  const owned = (region: string) => view.ranges.list(CITIES).filter(({ owner }) => owner === region).length
  const diagnose = () =>
    JSON.stringify({ regions: authority.regions(), journal: [...view.journal.values()] }, (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    )

  const [member] = etcd.members
  member?.pause()
  const awayMs = clock.nowMs()
  await until('etcd was away for longer than anybody waits', () => clock.nowMs() - awayMs > 2 * LEASE_MS)
  member?.resume()
  await until('leases are renewed', () => [...halves.values()].every(({ agent }) => agent.remainingMs() > 0), {
    diagnose,
  })
  expect([...view.journal.values()]).toEqual([])

  halves.get(EAST)?.stop.abort()
  await until('all ranges are taken', () => owned(WEST) === RANGES, { diagnose })
  const operation = takeoverOperation(EAST, 2n)
  await until('the takeover is over', () => view.journal.get(operation)?.phase === 'done', { diagnose })
  expect(view.journal.get(operation)).toMatchObject({ ranges: RANGES, left: 0, authority: 'a:1' })
  expect(view.ranges.violation()).toBeUndefined()

  const back = new RegionAgent({ region: EAST, store, view, clock, log, leaseMs: LEASE_MS, renewEveryMs: 200, guard })
  scope.start('back', (ended) => back.run(ended))
  await until('the region is back', () => back.record?.status === 'live' && back.record.term === 2n, { diagnose })
})
