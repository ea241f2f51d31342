import { describe, expect, it } from 'vitest'
import type { SuiteContext } from './context.ts'
import { after, bytes, put, text, write } from './context.ts'

export function readSuite(context: SuiteContext): void {
  describe('reads', () => {
    it('returns records with both revisions, and nothing for an absent key', async () => {
      const { store } = context.main()
      const key = `${context.prefix()}a`
      expect(await store.get(key)).toBeUndefined()
      const created = await write(store, put(key, '1'))
      const changed = await write(store, put(key, '2'))
      const record = await store.get(key)
      expect(record).toMatchObject({ key, createRevision: created, modRevision: changed })
      expect(text(record?.value)).toBe('2')
    })

    it('keeps bytes as they are', async () => {
      const { store } = context.main()
      const key = `${context.prefix()}a`
      const value = Uint8Array.from({ length: 256 }, (_, i) => i)
      await write(store, { kind: 'put', key, value })
      expect(Buffer.compare((await store.get(key))?.value ?? bytes(''), value)).toBe(0)
    })

    it('lists exactly a prefix in key order, over as many pages as it takes', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const names = Array.from({ length: 250 }, (_, i) => `${prefix}in/${String((i * 7) % 250).padStart(4, '0')}`)
      await write(store, ...names.slice(0, 125).map((key) => put(key, key)))
      await write(store, put(`${prefix}in`, 'before'), put(`${prefix}in0`, 'behind'), put(`${prefix}in.`, 'before'))
      const revision = await write(store, ...names.slice(125).map((key) => put(key, key)))
      const listing = await store.list(`${prefix}in/`)
      expect(listing.revision).toBe(revision)
      expect(listing.records.map(({ key }) => key)).toEqual(names.toSorted())
      expect(await store.list(`${prefix}in/none`)).toEqual({ records: [], revision })
    })

    it('lists the past at exactly a revision', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const first = await write(store, put(`${prefix}a`, '1'), put(`${prefix}b`, '1'))
      await write(store, put(`${prefix}a`, '2'), { kind: 'delete', key: `${prefix}b` })
      const past = await store.list(prefix, { revision: first })
      expect(past.revision).toBe(first)
      expect(past.records.map(({ key, value }) => `${key}=${text(value)}`)).toEqual([`${prefix}a=1`, `${prefix}b=1`])
    })

    it('says COMPACTED of a revision that is gone, and reads the compaction revision itself', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const first = await write(store, put(`${prefix}a`, '1'))
      const second = await write(store, put(`${prefix}a`, '2'))
      await write(store, put(`${prefix}a`, '3'))
      await context.world().compact(second)
      await expect(store.list(prefix, { revision: first })).rejects.toMatchObject({ code: 'COMPACTED' })
      const kept = await store.list(prefix, { revision: second })
      expect(kept.records.map(({ value }) => text(value))).toEqual(['2'])
    })

    it('says UNAVAILABLE of a revision that has not happened', async () => {
      const { store } = context.main()
      const { revision } = await store.list(context.prefix())
      await expect(store.list(context.prefix(), { revision: after(after(revision)) })).rejects.toMatchObject({
        code: 'UNAVAILABLE',
      })
    })

    it('sees an acknowledged write from another client at once', async () => {
      const other = await context.world().client()
      const key = `${context.prefix()}a`
      for (let i = 0; i < 20; i++) {
        await write(context.main().store, put(key, String(i)))
        expect(text((await other.store.get(key))?.value)).toBe(String(i))
      }
    })

    it('reads locally something that was true', async () => {
      const { store } = context.main()
      const key = `${context.prefix()}a`
      await write(store, put(key, '1'))
      // A single member has applied what it acknowledged.
      expect(text((await store.get(key, { consistency: 'local' }))?.value)).toBe('1')
    })

    it('rejects with the reason of an aborted signal', async () => {
      const { store } = context.main()
      const signal = AbortSignal.abort(new Error('no longer wanted'))
      await expect(store.get(`${context.prefix()}a`, { signal })).rejects.toThrow('no longer wanted')
      await expect(store.txn({ guards: [], operations: [] }, signal)).rejects.toThrow('no longer wanted')
    })

    it('says who answered', async () => {
      const { store } = context.main()
      const revision = await write(store, put(`${context.prefix()}a`, '1'))
      const status = await store.status()
      expect(status.revision).toBe(revision)
      expect(status.leader).toBe(status.memberId)
    })

    it('lists its members, each with its own answer, and leaves the leader where it is wanted', async () => {
      const { store } = context.main()
      const { leader } = await store.status()
      const members = await store.members()
      const leading = members.find((member) => member.memberId === leader)
      expect(leading).toMatchObject({ learner: false, status: { memberId: leader, leader } })
      expect(leading?.name).not.toBe('')
      await store.moveLeader(leader ?? '')
      expect((await store.status()).leader).toBe(leader)
      await expect(store.moveLeader('abcdef')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    })
  })
}
