import { silentLogger } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import { MemoryCluster } from '@meridian/store/memory'
import { generation, keyOfText, regionLeaseKey } from '@meridian/topology'
import type { Revision } from '@meridian/topology'
import { describe, expect, it, test } from 'vitest'
import { RegionAgent } from './region-agent.ts'
import { decodeRegionLease, encodeRegionLease, RegionLease, regionWaitMsOf } from './region-lease.ts'
import type { RegionLeaseRecord } from './region-lease.ts'
import { CITIES, EAST, nextOperation, openGlobalServer, WEST } from './world.ts'

const revision = (value: number) => BigInt(value) as Revision

describe('RegionLease', () => {
  it('counts from the sending of an acknowledged renewal', () => {
    const lease = new RegionLease(9000)
    expect(lease.remainingMs(0)).toBe(0)
    lease.renewed({ sentMs: 1000, revision: revision(5) })
    // Whatever the acknowledgement took, the end is 9 s after the sending.
    expect([3000, 9999, 10_000, 20_000].map((now) => lease.remainingMs(now))).toEqual([7000, 1, 0, 0])
  })

  it('vouches for a view only as far as the newest renewal that the view includes', () => {
    const lease = new RegionLease(9000)
    lease.renewed({ sentMs: 0, revision: revision(10) })
    lease.renewed({ sentMs: 2000, revision: revision(20) })
    expect([9, 10, 19, 20, 99].map((view) => lease.remainingAtMs(3000, revision(view)))).toEqual([
      0, 6000, 6000, 8000, 8000,
    ])
  })
})

test('a stored lease reads as it was written, and nothing else reads', () => {
  const records: RegionLeaseRecord[] = [
    { term: 1n, counter: 2n, status: 'live' },
    { term: 3n, counter: 2n, status: 'silent' },
    { term: 4n, counter: 2n, status: 'barred', bar: { reason: 'fire', poweredOff: true } },
  ]
  for (const record of records) expect(decodeRegionLease(encodeRegionLease(record))).toEqual(record)
  for (const text of ['{}', 'null', '{"term":"1","counter":"2"}', '{"term":"1","counter":"2","status":"barred"}']) {
    expect(() => decodeRegionLease(Buffer.from(text)), text).toThrow(/does not decode/)
  }
})

test('whoever takes waits longer than whoever holds counts, whatever their clocks', () => {
  expect(regionWaitMsOf(9000)).toBe(9432)
})

describe('RegionAgent', () => {
  async function world() {
    const cluster = new MemoryCluster()
    const s = await openGlobalServer(cluster, 'a')
    const clock = new ManualClock()
    const guard = { jumps: 0, cleared: (jumps: number) => jumps === guard.jumps }
    const agent = () =>
      new RegionAgent({
        region: EAST,
        store: s.store,
        view: s.view,
        clock,
        log: silentLogger,
        leaseMs: 9000,
        guard,
        renewEveryMs: 2000,
      })
    await s.service.mutate(
      nextOperation(),
      { kind: 'create-keyspace', keyspace: CITIES, owner: EAST, standbys: [WEST] },
      s.signal,
    )
    const putLease = async (record: RegionLeaseRecord) => {
      const value = encodeRegionLease(record)
      const put = { kind: 'put', key: regionLeaseKey(EAST), value } as const
      await s.store.txn({ guards: [], operations: [put] }, s.signal)
      await s.service.catchUp(s.signal)
    }
    const pair = (key = 'x') => {
      const { rangeId, generation: gen } = s.service.lookupLocal(CITIES, keyOfText(key))
      return { rangeId, generation: gen }
    }
    return { s, clock, guard, agent, putLease, pair, [Symbol.asyncDispose]: () => s[Symbol.asyncDispose]() }
  }

  it('confirms only the pairs that G showed as its own at or after the renewal', async () => {
    await using w = await world()
    const agent = w.agent()
    await agent.renew(w.s.signal)
    await w.s.service.catchUp(w.s.signal)
    const range = w.s.service.lookupLocal(CITIES, keyOfText('x'))
    const pair = { rangeId: range.rangeId, generation: range.generation }
    const older = { ...pair, generation: generation(range.generation - 1n) }
    expect(agent.confirm([pair, older])).toEqual({ remainingMs: 9000, confirmed: [{ ...pair, remainingMs: 9000 }] })
    await w.s.service.mutate(
      nextOperation(),
      { kind: 'assign', keyspace: CITIES, assignments: [{ start: range.start, owner: WEST, standbys: [] }] },
      w.s.signal,
    )
    await w.s.service.catchUp(w.s.signal)
    // The pooled lease lives on, the authority over the range does not.
    expect(agent.confirm([pair])).toEqual({ remainingMs: 9000, confirmed: [] })
  })

  it('shares the lease with siblings and takes nothing from an unanswered renewal', async () => {
    await using w = await world()
    const [first, second] = [w.agent(), w.agent()]
    await first.renew(w.s.signal)
    await second.renew(w.s.signal)
    await first.renew(w.s.signal)
    expect(first.record).toEqual({ term: 1n, counter: 3n, status: 'live' })
    await second.renew(w.s.signal)
    await w.clock.advance(8000)
    w.s.store.faults.next('unknown-after')
    await expect(second.renew(w.s.signal)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(second.remainingMs()).toBe(1000)
    await second.renew(w.s.signal)
    expect({ left: second.remainingMs(), record: second.record }).toEqual({
      left: 9000,
      record: { term: 1n, counter: 6n, status: 'live' },
    })
  })

  it('counts G as silent from the last renewal that was answered, whatever its watch still tells', async () => {
    await using w = await world()
    const agent = w.agent()
    await agent.renew(w.s.signal)
    await w.clock.advance(2000)
    w.s.store.faults.next('unavailable')
    await expect(agent.renew(w.s.signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await w.s.service.catchUp(w.s.signal)
    expect(agent.globalAgeMs()).toBe(2000)
    await w.putLease({ term: 2n, counter: 1n, status: 'barred', bar: { reason: 'fire', poweredOff: false } })
    await expect(agent.renew(w.s.signal)).rejects.toMatchObject({ code: 'NO_REGION_LEASE' })
    // A refusal is an answer too.
    expect(agent.globalAgeMs()).toBe(0)
  })

  it('vouches for nothing after its term was raised by somebody else', async () => {
    await using w = await world()
    const agent = w.agent()
    await agent.renew(w.s.signal)
    const value = encodeRegionLease({ term: 2n, counter: 1n, status: 'silent' })
    await w.s.store.txn({ guards: [], operations: [{ kind: 'put', key: regionLeaseKey(EAST), value }] }, w.s.signal)
    w.s.store.faults.next('unavailable')
    await agent.renew(w.s.signal).catch(() => {})
    expect(agent.remainingMs()).toBe(9000)
    // The renewal that meets the new term is refused, and ends what the old term had granted.
    w.s.store.faults.next('unknown-before')
    await expect(agent.renew(w.s.signal)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(agent.remainingMs()).toBe(0)
    await agent.renew(w.s.signal)
    expect(agent.record).toEqual({ term: 2n, counter: 2n, status: 'live' })
  })

  it('heeds a new term that its view shows before it renews', async () => {
    await using w = await world()
    const agent = w.agent()
    await agent.renew(w.s.signal)
    await w.s.service.catchUp(w.s.signal)
    const pair = w.pair()
    expect(agent.confirm([pair]).confirmed).toHaveLength(1)
    await w.putLease({ term: 2n, counter: 1n, status: 'silent' })
    expect(agent.confirm([pair])).toEqual({ remainingMs: 0, confirmed: [] })
  })

  it('does not renew while the region is barred, and does once the bar is lifted', async () => {
    await using w = await world()
    const agent = w.agent()
    await agent.renew(w.s.signal)
    await w.putLease({ term: 2n, counter: 1n, status: 'barred', bar: { reason: 'fire drill', poweredOff: false } })
    for (let i = 0; i < 2; i += 1) {
      await expect(agent.renew(w.s.signal)).rejects.toMatchObject({
        code: 'NO_REGION_LEASE',
        message: 'the region is barred: fire drill',
      })
    }
    expect(agent.remainingMs()).toBe(0)
    await w.putLease({ term: 2n, counter: 2n, status: 'live' })
    await agent.renew(w.s.signal)
    expect(agent.record).toEqual({ term: 2n, counter: 3n, status: 'live' })
    expect(agent.remainingMs()).toBe(9000)
  })

  it('vouches for a range as long as its continuation was bought for, and only for that range (G5)', async () => {
    await using w = await world()
    const agent = w.agent()
    const split = { kind: 'split', keyspace: CITIES, at: [keyOfText('M')] } as const
    await w.s.service.mutate(nextOperation(), split, w.s.signal)
    const policy = { kind: 'set-policy', keyspace: CITIES, start: keyOfText('M'), failover: 'manual' } as const
    await w.s.service.mutate(nextOperation(), { ...policy, budgetMs: 60_000 }, w.s.signal)
    await agent.renew(w.s.signal)
    await w.s.service.catchUp(w.s.signal)
    const [cheap, bought] = [w.pair('A'), w.pair('Z')]
    await w.clock.advance(5000)
    expect(agent.confirm([cheap, bought])).toEqual({
      remainingMs: 4000,
      confirmed: [
        { ...cheap, remainingMs: 4000 },
        { ...bought, remainingMs: 55_000 },
      ],
    })
    await w.clock.advance(5000)
    expect(agent.confirm([cheap, bought])).toEqual({ remainingMs: 0, confirmed: [{ ...bought, remainingMs: 50_000 }] })
    await w.clock.advance(50_000)
    expect(agent.confirm([cheap, bought])).toEqual({ remainingMs: 0, confirmed: [] })
  })

  it('grants nothing by a renewal from before the clocks jumped', async () => {
    await using w = await world()
    const agent = w.agent()
    await agent.renew(w.s.signal)
    expect(agent.remainingMs()).toBe(9000)
    agent.clockJumped()
    expect(agent.remainingMs()).toBe(0)
    const sentBefore = agent.renew(w.s.signal)
    w.guard.jumps += 1
    await sentBefore
    expect(agent.remainingMs()).toBe(0)
    await agent.renew(w.s.signal)
    expect(agent.remainingMs()).toBe(9000)
  })
})
