import { silentLogger, systemClock } from '@meridian/loop'
import { ManualClock } from '@meridian/loop/testing'
import type { Revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { campaign } from './campaign.ts'
import type { WorldClient } from './conformance/index.ts'
import { storeConformance } from './conformance/index.ts'
import { MemoryCluster, MemoryStore } from './memory/index.ts'

storeConformance('memory', async () => {
  const cluster = new MemoryCluster()
  const stores: MemoryStore[] = []
  return {
    clock: systemClock,
    // Real time: long against the pauses of a busy machine.
    leaseTtlMs: 600,
    async client(): Promise<WorldClient> {
      const store = new MemoryStore(cluster)
      stores.push(store)
      return {
        store,
        isolate: async () => store.faults.isolate(),
        heal: async () => store.faults.heal(),
        cut: async () => store.faults.cutWatches(),
        losingAnswer: (call) => {
          store.faults.next('unknown-after')
          return call()
        },
      }
    },
    compact: async (revision) => cluster.compact(revision),
    async [Symbol.asyncDispose]() {
      for (const store of stores) await store[Symbol.asyncDispose]()
      await cluster[Symbol.asyncDispose]()
    },
  }
})

describe('memory on a manual clock', () => {
  it('loses a leadership at the granted TTL less the margin, counted from the last acknowledged renewal', async () => {
    const clock = new ManualClock()
    await using cluster = new MemoryCluster({ clock, leaseTtlMsMin: 2000 })
    await using store = new MemoryStore(cluster)
    const { signal } = new AbortController()
    const leadership = await campaign(store, { role: 'r', value: 'v', ttlMs: 100, clock, log: silentLogger, signal })
    await clock.advance(10_000)
    expect(leadership.lost.aborted).toBe(false)
    // The renewal at 10 000 was acknowledged; from here on none is.
    store.faults.isolate()
    await clock.advance(1799)
    expect(leadership.lost.aborted).toBe(false)
    await clock.advance(1)
    expect(leadership.lost.aborted).toBe(true)
    expect(cluster.history.list('/elect/')).toHaveLength(1)
    await clock.advance(200)
    expect(cluster.history.list('/elect/')).toHaveLength(0)
  })

  it('plans faults per call, and loses a write before or after its effect', async () => {
    await using cluster = new MemoryCluster({ clock: new ManualClock() })
    await using store = new MemoryStore(cluster)
    const write = (key: string) =>
      store.txn({ guards: [], operations: [{ kind: 'put', key, value: Buffer.from('x') }] })
    store.faults.next('unavailable')
    store.faults.next('unknown-before')
    store.faults.next('unknown-after')
    await expect(write('/a')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(write('/b')).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    await expect(write('/c')).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect((await store.list('/')).records.map(({ key }) => key)).toEqual(['/c'])
    store.faults.decide = (call) => (call.kind === 'get' ? 'unavailable' : undefined)
    await expect(store.get('/c')).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    await expect(store.list('/')).resolves.toMatchObject({ revision: 2n })
  })

  it('forgets what a compaction covers and nothing more', async () => {
    await using cluster = new MemoryCluster({ clock: new ManualClock() })
    await using store = new MemoryStore(cluster)
    for (let i = 0; i < 5; i++) {
      await store.txn({ guards: [], operations: [{ kind: 'put', key: `/${i % 2}`, value: Buffer.from(String(i)) }] })
    }
    cluster.compact(4n as Revision)
    const at = async (revision: bigint) =>
      (await store.list('/', { revision: revision as Revision })).records.map(({ value }) =>
        Buffer.from(value).toString(),
      )
    await expect(at(3n)).rejects.toMatchObject({ code: 'COMPACTED' })
    expect([await at(4n), await at(5n), await at(6n)]).toEqual([
      ['2', '1'],
      ['2', '3'],
      ['4', '3'],
    ])
  })
})
