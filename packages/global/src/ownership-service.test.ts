import { compareTimestamps } from '@meridian/hlc'
import { systemClock } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import { MemoryCluster } from '@meridian/store/memory'
import { EMPTY_KEY, keyOfText, MeridianError } from '@meridian/topology'
import type { Revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { Company } from './ownership-service.ts'
import { CITIES, EAST, nextOperation, openGlobalServer, WEST } from './world.ts'

const create = { kind: 'create-keyspace', keyspace: CITIES, owner: EAST, standbys: [WEST] } as const
const split = (...at: string[]) => ({ kind: 'split', keyspace: CITIES, at: at.map(keyOfText) }) as const

/** A hundred times as fast, so that patience of seconds is one of milliseconds. */
const hasty: Clock = {
  nowMs: () => systemClock.nowMs() * 100,
  sleep: (ms, signal) => systemClock.sleep(ms / 100, signal),
}

describe('OwnershipService', () => {
  it('creates, splits, assigns, activates and merges, each in one transaction', async () => {
    await using s = await openGlobalServer(new MemoryCluster(), 'a')
    await s.service.mutate(nextOperation(), create, s.signal)
    await s.service.mutate(nextOperation(), split('DE', 'FR'), s.signal)
    await s.service.mutate(
      nextOperation(),
      { kind: 'assign', keyspace: CITIES, assignments: [{ start: keyOfText('DE'), owner: WEST, standbys: [EAST] }] },
      s.signal,
    )
    await s.service.mutate(nextOperation(), { kind: 'activate', keyspace: CITIES, starts: [keyOfText('DE')] }, s.signal)
    const range = await s.service.lookup(CITIES, keyOfText('DE/123'), s.signal)
    expect(range).toMatchObject({ owner: WEST, generation: 3n, status: 'active' })
    expect((await s.service.lookup(CITIES, keyOfText('FR/1'), s.signal)).generation).toBe(2n)
    expect(s.view.ranges.violation()).toBeUndefined()
    await expect(
      s.service.mutate(nextOperation(), { kind: 'merge', keyspace: CITIES, at: keyOfText('DE') }, s.signal),
    ).rejects.toMatchObject({ code: 'OWNERS_DIFFER' })
  })

  it('answers a repeated call from its record, and refuses the id for another call', async () => {
    await using s = await openGlobalServer(new MemoryCluster(), 'a')
    await s.service.mutate(nextOperation(), create, s.signal)
    const operation = nextOperation()
    const first = await s.service.mutate(operation, split('M'), s.signal)
    const again = await s.service.mutate(operation, split('M'), s.signal)
    expect(again.ranges).toEqual(first.ranges)
    expect(s.view.ranges.list(CITIES)).toHaveLength(2)
    await expect(s.service.mutate(operation, split('N'), s.signal)).rejects.toMatchObject({ code: 'OPERATION_REUSED' })
  })

  it.each(['before', 'after'])(
    'sends again what a leader that handed over dropped %s it had its effect, when another leads',
    async (when) => {
      const listeners = new Set<() => void>()
      const leaderChanges = (listener: () => void) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      }
      await using s = await openGlobalServer(new MemoryCluster(), 'a', undefined, { leaderChanges })
      await s.service.mutate(nextOperation(), create, s.signal)
      const txn = s.store.txn.bind(s.store)
      let sends = 0
      s.store.txn = async (...call) => {
        sends += 1
        if (sends > 1) return txn(...call)
        if (when === 'after') await txn(...call)
        setImmediate(() => listeners.forEach((listener) => listener()))
        return new Promise(() => {})
      }
      const { ranges } = await s.service.mutate(nextOperation(), split('M'), s.signal)
      expect(ranges).toHaveLength(2)
      expect(sends).toBe(2)
      expect(s.view.ranges.list(CITIES)).toHaveLength(2)
      expect(listeners.size).toBe(0)
    },
  )

  it('has one effect when the transaction was applied and its answer lost', async () => {
    await using s = await openGlobalServer(new MemoryCluster(), 'a')
    await s.service.mutate(nextOperation(), create, s.signal)
    s.store.faults.next('unknown-after')
    const outcome = await s.service.mutate(nextOperation(), split('M'), s.signal)
    expect(outcome.ranges).toHaveLength(2)
    for (const fault of ['unknown-before', 'unavailable', 'unknown-after'] as const) s.store.faults.next(fault)
    await s.service.mutate(nextOperation(), split('T'), s.signal)
    expect(s.view.ranges.list(CITIES)).toHaveLength(3)
  })

  it('sends again while G is silent, and says at last what it knows: unknown once one attempt was', async () => {
    await using s = await openGlobalServer(new MemoryCluster(), 'a', undefined, { clock: hasty })
    await s.service.mutate(nextOperation(), create, s.signal)
    s.store.faults.decide = (call) => (call.kind === 'txn' ? 'unavailable' : undefined)
    await expect(s.service.mutate(nextOperation(), split('M'), s.signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    s.store.faults.next('unknown-before')
    await expect(s.service.mutate(nextOperation(), split('M'), s.signal)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
    })
  })

  it('tells the meter what succeeded and nothing else', async () => {
    const told: string[] = []
    await using s = await openGlobalServer(new MemoryCluster(), 'a', undefined, {
      meter: (operation) => told.push(operation),
    })
    await s.service.mutate(nextOperation(), create, s.signal)
    await expect(s.service.mutate(nextOperation(), split(''), s.signal)).rejects.toThrow()
    expect(told.filter((operation) => operation !== 'lookup')).toEqual(['create-keyspace'])
    await s.service.lookup(CITIES, EMPTY_KEY, s.signal)
    expect(told.at(-1)).toBe('lookup')
  })

  it('leaves a hold behind where it lowers a continuation, and none where it raises one (G5)', async () => {
    await using s = await openGlobalServer(new MemoryCluster(), 'a')
    await s.service.mutate(nextOperation(), create, s.signal)
    await s.service.mutate(nextOperation(), split('M'), s.signal)
    const policy = (failover: 'auto' | 'manual', budgetMs: number) =>
      ({ kind: 'set-policy', keyspace: CITIES, start: keyOfText('M'), failover, budgetMs }) as const
    await s.service.mutate(nextOperation(), policy('manual', 30_000), s.signal)
    await s.service.mutate(nextOperation(), policy('manual', 60_000), s.signal)
    await s.service.catchUp(s.signal)
    expect([...s.view.budgetHolds]).toEqual([])
    const lowering = nextOperation()
    await s.service.mutate(lowering, policy('auto', 0), s.signal)
    await s.service.catchUp(s.signal)
    const hold = { keyspace: CITIES, start: keyOfText('M'), end: EMPTY_KEY, budgetMs: 60_000 }
    expect([...s.view.budgetHolds]).toEqual([[lowering, hold]])
  })

  it('is refused for good by what it was to depend on, and writes what was to go with it', async () => {
    await using s = await openGlobalServer(new MemoryCluster(), 'a')
    const put = { kind: 'put', key: '/beside', value: Buffer.from('1') } as const
    const company = (equals: bigint): Company => ({
      guards: [{ kind: 'mod-revision', key: '/beside', equals: equals as Revision }],
      operations: () => [put],
      refusal: (key) => new MeridianError('TRANSFER_ENDED', `${key} changed`),
    })
    await s.service.mutate(nextOperation(), create, s.signal, company(0n))
    const { modRevision } = (await s.store.get('/beside')) ?? {}
    expect(s.view.record(`/range/${CITIES}/`)?.modRevision).toBe(modRevision)
    await expect(s.service.mutate(nextOperation(), split('M'), s.signal, company(0n))).rejects.toMatchObject({
      code: 'TRANSFER_ENDED',
      message: '/beside changed',
    })
    expect(s.view.ranges.list(CITIES)).toHaveLength(1)
  })

  it('lets many servers change the map at once: nothing lost, stamps in revision order', async () => {
    const cluster = new MemoryCluster()
    // The second server's wall is behind by less than the largest offset: it must learn the others' stamps.
    await using a = await openGlobalServer(cluster, 'a', 1_800_000_000_400)
    await using b = await openGlobalServer(cluster, 'b', 1_800_000_000_000)
    await a.service.mutate(nextOperation(), create, a.signal)
    const letters = 'BCDEFGHIJKLMNOPQRSTUVW'.split('')
    await Promise.all(
      letters.map((letter, i) => (i % 2 === 0 ? a : b).service.mutate(nextOperation(), split(letter), a.signal)),
    )
    await a.service.catchUp(a.signal)
    const ranges = a.view.ranges.list(CITIES)
    expect(ranges.map((range) => range.start)).toEqual([EMPTY_KEY, ...letters.map(keyOfText)])
    expect(a.view.ranges.violation()).toBeUndefined()
    const byRevision = ranges.toSorted((x, y) => Number(modRevision(a, x.start) - modRevision(a, y.start)))
    for (const [i, range] of byRevision.entries()) {
      const before = byRevision[i - 1]
      if (before === undefined || modRevision(a, before.start) === modRevision(a, range.start)) continue
      expect(compareTimestamps(before.stamp, range.stamp)).toBeLessThan(0)
    }
  })

  it('refuses to stamp when the committed stamp is further ahead than the largest offset', async () => {
    const cluster = new MemoryCluster()
    await using ahead = await openGlobalServer(cluster, 'a', 1_800_000_010_000)
    await using behind = await openGlobalServer(cluster, 'b', 1_800_000_000_000)
    await ahead.service.mutate(nextOperation(), create, ahead.signal)
    await expect(behind.service.mutate(nextOperation(), split('M'), behind.signal)).rejects.toMatchObject({
      code: 'CLOCK_OFFSET',
    })
    behind.wall.advance(10_000)
    await behind.service.mutate(nextOperation(), split('M'), behind.signal)
  })
})

function modRevision(server: Awaited<ReturnType<typeof openGlobalServer>>, start: string): bigint {
  return server.view.record(`/range/${CITIES}/${Buffer.from(start, 'latin1').toString('hex')}`)?.modRevision ?? 0n
}
