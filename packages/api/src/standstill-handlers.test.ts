import { PROMISE_PREFIX, PromiseKeeper, TAKING_PREFIX } from '@meridian/global'
import { silentLogger, systemClock } from '@meridian/loop'
import { expect, it } from 'vitest'
import { AP, call, EU, openOperationRig, US } from './operation-rig.ts'
import { standstillHandlers } from './standstill-handlers.ts'

/** A server of `us` that keeps promises in a store of its own rig. */
async function keeping(globalWorks: boolean) {
  const rig = await openOperationRig()
  const { store } = rig
  const { globalView } = rig.parts()
  const promises = await PromiseKeeper.open(
    {
      region: US,
      store,
      globalWorks: () => globalWorks,
      members: () => [...globalView.regions.keys()],
      promiseMs: 9000,
      clock: systemClock,
      log: silentLogger,
      random: () => 0.5,
    },
    call.signal,
  )
  return {
    store,
    ...standstillHandlers(() => ({ region: US, globalView, promises })),
    [Symbol.asyncDispose]: async () => {
      await promises[Symbol.asyncDispose]()
      await rig[Symbol.asyncDispose]()
    },
  }
}

it('promises the region that asks, in writing, and names every region it knows', async () => {
  await using server = await keeping(false)
  const answer = await server.standStill({ region: 'eu' }, call)
  expect(answer).toEqual({ promiseMs: 9000, members: expect.arrayContaining([US, EU, AP]) as unknown })
  expect(await server.store.get(PROMISE_PREFIX + EU)).toBeDefined()
  expect(await server.store.get(PROMISE_PREFIX + AP)).toBeUndefined()
})

it.each([
  ['a region that nobody knows', false, 'mars', 'REGION_UNKNOWN', /no region mars/],
  ['what is no region', false, 'E U', 'INVALID_ARGUMENT', /./],
  ['anybody while the global tier answers', true, 'eu', 'UNAVAILABLE', /the global tier answers in us/],
])('promises nothing to %s', async (_, globalWorks, region, code, message) => {
  await using server = await keeping(globalWorks)
  await expect(server.standStill({ region }, call)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message) as unknown,
  })
  expect(await server.store.get(PROMISE_PREFIX + region)).toBeUndefined()
})

it('promises nothing to a region that it is taking from', async () => {
  await using server = await keeping(false)
  await server.store.txn({
    guards: [],
    operations: [{ kind: 'put', key: TAKING_PREFIX + EU, value: Buffer.from('7') }],
  })
  await expect(server.standStill({ region: 'eu' }, call)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  expect(await server.store.get(PROMISE_PREFIX + EU)).toBeUndefined()
})

it('promises nothing where it is not configured', async () => {
  await using rig = await openOperationRig()
  await expect(standstillHandlers(rig.parts).standStill({ region: 'eu' }, call)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: 'us promises nothing: its configuration has "standstill: false"',
  })
})
