import type { Revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { StoreLimits } from '../limits.ts'
import type { Guard, LeaseId, StoreRecord } from '../store.ts'
import type { SuiteContext } from './context.ts'
import { bytes, NEVER, put, text, write } from './context.ts'

type GuardRow = readonly [
  name: string,
  guard: (key: string, record: StoreRecord) => Guard,
  present: boolean,
  absent: boolean,
]

/** Whether each guard holds on a key written twice, last as 'm', and on an absent one. */
const GUARDS: readonly GuardRow[] = [
  ['mod revision', (key, { modRevision }) => ({ kind: 'mod-revision', key, equals: modRevision }), true, false],
  ['older mod revision', (key, record) => ({ kind: 'mod-revision', key, equals: record.createRevision }), false, false],
  ['mod revision 0', (key) => ({ kind: 'mod-revision', key, equals: NEVER }), false, true],
  ['create revision', (key, record) => ({ kind: 'create-revision', key, equals: record.createRevision }), true, false],
  [
    'later create revision',
    (key, record) => ({ kind: 'create-revision', key, equals: record.modRevision }),
    false,
    false,
  ],
  ['create revision 0', (key) => ({ kind: 'create-revision', key, equals: NEVER }), false, true],
  ['value below a higher one', (key) => ({ kind: 'value-below', key, bound: bytes('n') }), true, false],
  ['value below a longer one', (key) => ({ kind: 'value-below', key, bound: bytes('m\0') }), true, false],
  ['value below itself', (key) => ({ kind: 'value-below', key, bound: bytes('m') }), false, false],
  ['value below a lower one', (key) => ({ kind: 'value-below', key, bound: bytes('l') }), false, false],
  ['value below high bytes', (key) => ({ kind: 'value-below', key, bound: Uint8Array.of(0xff) }), true, false],
  ['value equal', (key) => ({ kind: 'value-equals', key, value: bytes('m') }), true, false],
  ['value not equal', (key) => ({ kind: 'value-equals', key, value: bytes('n') }), false, false],
  ['empty value equal', (key) => ({ kind: 'value-equals', key, value: bytes('') }), false, false],
]

export function txnSuite(context: SuiteContext): void {
  describe('transactions', () => {
    it.each(GUARDS)('guard: %s', async (_name, guard, present, absent) => {
      const { store } = context.main()
      const prefix = context.prefix()
      const there = `${prefix}there`
      await write(store, put(there, 'first'))
      await write(store, put(there, 'm'))
      const record = await store.get(there)
      if (record === undefined) throw new Error('not written')
      const outcomes = []
      for (const key of [`${prefix}absent`, there]) {
        const target = `${prefix}target-of-${outcomes.length}`
        const { committed } = await store.txn({ guards: [guard(key, record)], operations: [put(target, 'x')] })
        expect((await store.get(target)) !== undefined).toBe(committed)
        outcomes.push(committed)
      }
      expect(outcomes).toEqual([absent, present])
    })

    it('applies all operations at one revision, or none', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const [a, b, c] = [`${prefix}a`, `${prefix}b`, `${prefix}c`]
      await write(store, put(c, '0'))
      const revision = await write(store, put(a, '1'), put(b, '1'), { kind: 'delete', key: c })
      const { records } = await store.list(prefix)
      expect(records.map(({ key, modRevision }) => [key, modRevision])).toEqual([
        [a, revision],
        [b, revision],
      ])
      const refused = await store.txn({
        guards: [
          { kind: 'mod-revision', key: a, equals: revision },
          { kind: 'mod-revision', key: b, equals: NEVER },
        ],
        operations: [put(a, '2'), put(c, '2')],
      })
      expect(refused).toEqual({ committed: false, revision, records: [] })
      expect((await store.list(prefix)).records).toEqual(records)
    })

    it('reads on refusal what the caller should look at, leaving absent keys out', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const key = `${prefix}a`
      const revision = await write(store, put(key, 'now'))
      const outcome = await store.txn({
        guards: [{ kind: 'mod-revision', key, equals: NEVER }],
        operations: [put(key, 'mine')],
        onRefusalRead: [`${prefix}absent`, key],
      })
      expect(outcome).toMatchObject({ committed: false })
      if (outcome.committed) return
      expect(outcome.records.map((record) => [record.key, text(record.value), record.modRevision])).toEqual([
        [key, 'now', revision],
      ])
    })

    it('makes no revision for the deletion of an absent key, and a new life for a key created again', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const key = `${prefix}a`
      const created = await write(store, put(key, '1'))
      const deleted = await write(store, { kind: 'delete', key })
      expect(deleted).toBe(created + 1n)
      expect(await write(store, { kind: 'delete', key })).toBe(deleted)
      expect(await store.get(key)).toBeUndefined()
      const again = await write(store, put(key, '2'))
      expect(await store.get(key)).toMatchObject({ createRevision: again, modRevision: again })
    })

    it('lets each of two clients count without losing one step', async () => {
      const key = `${context.prefix()}counter`
      const clients = [context.main(), await context.world().client()]
      const stepsEach = 15
      await Promise.all(
        clients.map(async ({ store }) => {
          for (let done = 0; done < stepsEach;) {
            const record = await store.get(key)
            const next = Number(text(record?.value) ?? '0') + 1
            const { committed } = await store.txn({
              guards: [{ kind: 'mod-revision', key, equals: record?.modRevision ?? NEVER }],
              operations: [put(key, String(next))],
            })
            if (committed) done += 1
          }
        }),
      )
      expect(text((await context.main().store.get(key))?.value)).toBe(String(stepsEach * clients.length))
    })

    it('refuses what breaks a limit before it is sent, and writes nothing under a lease that has ended', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const many = (count: number) => Array.from({ length: count }, (_, i) => put(`${prefix}${i}`, 'x'))
      const big = (bytesEach: number) => ({ kind: 'put' as const, value: new Uint8Array(bytesEach) })
      const rows = [
        [many(StoreLimits.txnOperationsMax + 1), 'REQUEST_TOO_LARGE'],
        [[put(`${prefix}a`, '1'), put(`${prefix}a`, '2')], 'INVALID_ARGUMENT'],
        [[put(`${prefix}\u00e4`, '1')], 'INVALID_ARGUMENT'],
        [[{ ...big(StoreLimits.valueBytesMax + 1), key: `${prefix}a` }], 'VALUE_TOO_LARGE'],
        [
          ['a', 'b', 'c'].map((name) => ({ ...big(StoreLimits.valueBytesMax), key: prefix + name })),
          'REQUEST_TOO_LARGE',
        ],
        [[{ ...put(`${prefix}a`, '1'), lease: '4711' as LeaseId }], 'INVALID_ARGUMENT'],
      ] as const
      for (const [operations, code] of rows) {
        await expect(store.txn({ guards: [], operations })).rejects.toMatchObject({ code })
      }
      expect((await store.list(prefix)).records).toEqual([])
      await write(store, ...many(StoreLimits.txnOperationsMax))
      await write(
        store,
        { ...big(StoreLimits.valueBytesMax), key: `${prefix}a` },
        { ...big(StoreLimits.valueBytesMax), key: `${prefix}b` },
      )
      expect((await store.list(prefix)).records).toHaveLength(StoreLimits.txnOperationsMax + 2)
    })

    it('commits an empty transaction at the revision of its instant', async () => {
      const { store } = context.main()
      const revision: Revision = await write(store, put(`${context.prefix()}a`, '1'))
      expect(await store.txn({ guards: [], operations: [] })).toEqual({ committed: true, revision })
    })
  })
}
