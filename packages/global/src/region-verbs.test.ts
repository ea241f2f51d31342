import { isMeridianError, operationId, regionLeaseKey } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { takeoverOperation } from './journal.ts'
import { decodeRegionLease, encodeRegionLease } from './region-lease.ts'
import { RegionVerbs } from './region-verbs.ts'
import { transferWorld } from './transfer-world.ts'
import { EAST, WEST } from './world.ts'

async function world() {
  const w = await transferWorld()
  await w.pass(500)
  const { store, view, hlc, signal } = w.first
  const facts = { hasPage: true }
  const verbs = new RegionVerbs({
    store,
    view,
    hlc,
    address: 'a:1',
    ports: w.rig,
    standbyFacts: () => facts,
    objection: () => undefined,
    clock: w.clock,
    wallMs: w.wallMs,
  })
  const value = encodeRegionLease({ term: 3n, counter: 9n, status: 'live' })
  await store.txn({ guards: [], operations: [{ kind: 'put', key: regionLeaseKey(EAST), value }] }, signal)
  const lease = async () => {
    const stored = await store.get(regionLeaseKey(EAST))
    return stored === undefined ? undefined : decodeRegionLease(stored.value)
  }
  /** Asks nodes while the clock moves. */
  const asking = async <T>(ask: Promise<T>): Promise<T> => {
    let over = false
    void ask.then(
      () => (over = true),
      () => (over = true),
    )
    for (let i = 0; i < 100 && !over; i += 1) await w.clock.advance(5)
    return ask
  }
  return { w, verbs, facts, lease, asking, signal, [Symbol.asyncDispose]: () => w[Symbol.asyncDispose]() }
}

describe('draining a region', () => {
  it('is written once, with a stamp, and taken back once', async () => {
    await using s = await world()
    const { view } = s.w.first
    for (const id of ['d1', 'd2']) await s.verbs.drain(EAST, operationId(id), s.signal)
    await s.w.first.service.catchUp(s.signal)
    expect([...view.drained]).toEqual([EAST])
    const stored = JSON.parse(Buffer.from(view.record(`/drain/${EAST}`)?.value ?? []).toString()) as Record<
      string,
      string
    >
    expect(stored).toMatchObject({ region: EAST, operation: 'd1' })
    expect(Buffer.from((await s.w.first.store.get('/stamp'))?.value ?? []).toString()).toBe(stored['stamp'])
    for (let i = 0; i < 2; i += 1) await s.verbs.undrain(EAST, s.signal)
    await s.w.first.service.catchUp(s.signal)
    expect([...view.drained]).toEqual([])
    await expect(s.verbs.drain('mars' as typeof EAST, operationId('d3'), s.signal)).rejects.toMatchObject({
      code: 'REGION_UNKNOWN',
    })
  })
})

describe('failing a region over by hand', () => {
  const request = { region: EAST, reason: 'drill', poweredOff: false }

  it('bars it under a new term, says so in the journal, and may be repeated', async () => {
    await using s = await world()
    for (let i = 0; i < 2; i += 1) {
      await s.asking(s.verbs.failOver(request, s.signal))
      expect(await s.lease()).toEqual({
        term: 4n,
        counter: 9n,
        status: 'barred',
        bar: { reason: 'drill', poweredOff: false },
      })
    }
    await s.w.first.service.catchUp(s.signal)
    expect(s.w.first.view.journal.get(takeoverOperation(EAST, 4n))).toMatchObject({
      phase: 'taking',
      forced: true,
      left: 1,
      note: 'an operator took the authority of us-east: drill',
    })
    await s.asking(s.verbs.failOver({ ...request, reason: 'no power', poweredOff: true }, s.signal))
    expect(await s.lease()).toMatchObject({ term: 4n, bar: { reason: 'no power', poweredOff: true } })
  })

  it('is refused while it would leave a range to nobody, unless that is wanted', async () => {
    await using s = await world()
    for (const replica of s.w.rig.replicas(WEST).slice(0, 2)) replica.down = true
    const refused = await s.asking(s.verbs.failOver(request, s.signal)).catch((error: unknown) => error)
    expect(isMeridianError(refused, 'NOT_ENOUGH_NODES') && refused.message).toBe(
      '1 range of us-east would be left to nobody (range 1: no quorum of eu-west answers for 2 shards, as 1.0); ' +
        'with --even-stranded the others are taken all the same',
    )
    expect(await s.lease()).toMatchObject({ status: 'live', term: 3n })
    await s.asking(s.verbs.failOver({ ...request, evenStranded: true }, s.signal))
    expect(await s.lease()).toMatchObject({ status: 'barred', term: 4n })
  })

  it('names who has no copy', async () => {
    await using s = await world()
    s.facts.hasPage = false
    const plan = await s.asking(s.verbs.planFailOver(EAST, s.signal))
    expect(plan.stranded.map(({ why }) => why)).toEqual(['no standby of it may be given anything'])
    expect(plan.note).toBe('1 left: eu-west has no standby page of it')
  })

  it('ends when the bar is lifted, under yet another term', async () => {
    await using s = await world()
    expect(await s.verbs.liftBar(EAST, s.signal)).toMatchObject({ status: 'live', term: 3n })
    await s.asking(s.verbs.failOver(request, s.signal))
    expect(await s.verbs.liftBar(EAST, s.signal)).toEqual({ term: 5n, counter: 10n, status: 'live' })
    expect(await s.lease()).toEqual({ term: 5n, counter: 10n, status: 'live' })
  })
})
