import { HybridClock, systemPhysicalClock } from '@meridian/hlc'
import { LoopScope, silentLogger, systemClock } from '@meridian/loop'
import { campaign } from '@meridian/store'
import { openEtcdStore } from '@meridian/store/etcd'
import { Mirror } from '@meridian/store/mirror'
import { startEtcd, waitFor } from '@meridian/testkit'
import { EMPTY_KEY, operationId } from '@meridian/topology'
import { expect, it } from 'vitest'
import { bootstrapGlobal } from './bootstrap.ts'
import { GLOBAL_MIRROR_PREFIXES, GlobalView } from './global-view.ts'
import { OwnershipService } from './ownership-service.ts'
import { registerRegion } from './region-registry.ts'
import { TransferDriver } from './transfer-driver.ts'
import { TransferRig } from './transfer-rig.ts'
import { Transfers } from './transfers.ts'
import { CITIES, EAST, nextOperation, WEST } from './world.ts'

it('transfers on etcd: there and back under writes, one aborted, one carried on by another server', async () => {
  await using etcd = await startEtcd({ heartbeatMs: 20 })
  await using scope = new LoopScope(silentLogger)
  const { signal } = scope
  const clock = systemClock
  const log = silentLogger
  const random = Math.random
  const wallMs = () => Date.now()
  await using store = await openEtcdStore({ endpoints: etcd.endpoints, clock, log })
  await bootstrapGlobal(store, signal)
  await using mirror = await Mirror.open(store, { prefixes: GLOBAL_MIRROR_PREFIXES, clock, log, random }, signal)
  using view = new GlobalView(mirror)
  const hlc = await HybridClock.open({ origin: 'a', physical: systemPhysicalClock, signal })
  const ownership = new OwnershipService({ store, view, hlc, clock, log, random })
  for (const region of [EAST, WEST]) await registerRegion(store, { region, displayName: region, servers: [] })
  const create = { kind: 'create-keyspace', keyspace: CITIES, owner: EAST, standbys: [WEST] } as const
  await ownership.mutate(nextOperation(), create, signal)
  await ownership.mutate(nextOperation(), { kind: 'activate', keyspace: CITIES, starts: [EMPTY_KEY] }, signal)
  await ownership.catchUp(signal)

  const range = () => ownership.lookupLocal(CITIES, EMPTY_KEY)
  const rig = new TransferRig(range().rangeId, [EAST, WEST], clock, { hearMs: () => 20, nodeMs: () => 5 }, signal)
  let shown = range()
  rig.show(shown)
  view.subscribe(() => {
    if (shown === range()) return
    shown = range()
    rig.show(shown)
  })
  scope.start('writes', async (ended) => {
    while (!ended.aborted) {
      rig.tick()
      rig.settle()
      await clock.sleep(20, ended).catch(() => {})
    }
  })
  const serve = (name: string): AbortController => {
    const stop = new AbortController()
    const driver = new TransferDriver({
      store,
      view,
      ownership,
      ports: rig,
      objection: () => undefined,
      clock,
      wallMs,
      log,
    })
    scope.start(name, async (ended) => {
      const both = AbortSignal.any([ended, stop.signal])
      try {
        const leadership = await campaign(store, {
          role: 'authority',
          value: name,
          ttlMs: 1000,
          clock,
          log,
          signal: both,
          random,
        })
        await driver.run(leadership, AbortSignal.any([both, leadership.lost]))
      } catch (error) {
        if (!both.aborted) throw error
      }
    })
    return stop
  }
  const first = serve('a')
  const transfers = new Transfers({ store, view, ownership, wallMs })
  const begin = (id: string, target: typeof EAST) =>
    transfers.begin({ operation: operationId(id), keyspace: CITIES, key: EMPTY_KEY, target, reason: 'test' }, signal)
  const phase = (id: string) => view.journal.get(operationId(id))?.phase
  const diagnose = () =>
    JSON.stringify([...view.journal.values(), range(), rig.violations], (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    )

  await begin('there', WEST)
  await waitFor('moved', () => phase('there') === 'done', { diagnose })
  expect(range()).toMatchObject({ owner: WEST, generation: 2n, status: 'active', standbys: [EAST] })

  for (const replica of rig.replicas(EAST)) replica.down = true
  await begin('never', EAST)
  await waitFor('under way', () => phase('never') === 'follow', { diagnose })
  await transfers.abort(operationId('never'), 'it takes too long', signal)
  await waitFor('aborted', () => phase('never') === 'aborted', { diagnose })
  expect(range()).toMatchObject({ owner: WEST, generation: 2n, status: 'active' })

  await begin('back', EAST)
  await waitFor('under way again', () => phase('back') === 'follow', { diagnose })
  first.abort(new Error('stopped'))
  serve('b')
  for (const replica of rig.replicas(EAST)) replica.down = false
  await waitFor('moved back', () => phase('back') === 'done', { diagnose })
  expect(range()).toMatchObject({ owner: EAST, generation: 3n, status: 'active', standbys: [WEST] })
  expect(rig.violations).toEqual([])
})
