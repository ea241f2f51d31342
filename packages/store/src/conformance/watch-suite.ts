import type { Revision } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { SuiteContext } from './context.ts'
import { after, put, write } from './context.ts'
import { WatchRecorder } from './watch-recorder.ts'

export function watchSuite(context: SuiteContext): void {
  describe('watches', () => {
    it('deliver the past and go on with the present, deletions too', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const first = await write(store, put(`${prefix}a`, '1'))
      await write(store, put(`${prefix}a`, '2'))
      await using watch = new WatchRecorder(store, first, prefix)
      await watch.until('the past', () => watch.lines.length === 2)
      const third = await write(store, { kind: 'delete', key: `${prefix}a` })
      await watch.until('the present', () => watch.lines.length === 3)
      expect(watch.lines).toEqual([`${prefix}a=1`, `${prefix}a=2`, `${prefix}a-`])
      expect(watch.revisions).toEqual([first, first + 1n, third])
    })

    it('deliver a revision whole, whatever prefixes it touches, and nothing else', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const from = after((await store.list(prefix)).revision)
      await using watch = new WatchRecorder(store, from, `${prefix}a/`, `${prefix}b/`)
      const revision = await write(store, put(`${prefix}a/1`, 'x'), put(`${prefix}b/1`, 'y'), put(`${prefix}c/1`, 'z'))
      await write(store, put(`${prefix}c/2`, 'z'))
      const last = await write(store, put(`${prefix}b/2`, 'end'))
      await watch.until('the last', () => watch.revisions.includes(last))
      expect(watch.lines).toEqual([`${prefix}a/1=x,${prefix}b/1=y`, `${prefix}b/2=end`])
      expect(watch.revisions).toEqual([revision, last])
    })

    it('keep the order of many revisions, none skipped and none repeated', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const from = after((await store.list(prefix)).revision)
      await using watch = new WatchRecorder(store, from, prefix)
      const count = 300
      for (let i = 0; i < count; i += 20) {
        await Promise.all(Array.from({ length: 20 }, (_, j) => write(store, put(`${prefix}${i + j}`, 'x'))))
      }
      await watch.until('all', () => watch.lines.length >= count)
      expect(watch.revisions).toEqual(Array.from({ length: count }, (_, i) => from + BigInt(i)))
    })

    it('report progress under a prefix where nothing happens', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const from = after((await store.list(prefix)).revision)
      await using watch = new WatchRecorder(store, from, `${prefix}quiet/`)
      const revision = await write(store, put(`${prefix}loud`, 'x'))
      await watch.until('progress', () =>
        watch.events.some((event) => event.kind === 'progress' && event.revision >= revision),
      )
      expect(watch.lines).toEqual([])
    })

    it('wait for a revision that has not happened yet', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const { revision } = await store.list(prefix)
      const from = (revision + 3n) as Revision
      await using watch = new WatchRecorder(store, from, prefix)
      await watch.until('connected', () => watch.connections.includes('connected'))
      for (const value of ['1', '2', '3', '4']) await write(store, put(`${prefix}a`, value))
      await watch.until('the fourth', () => watch.revisions.length === 2)
      expect(watch.lines).toEqual([`${prefix}a=3`, `${prefix}a=4`])
      expect(watch.events.filter((event) => event.kind === 'progress' && event.revision < from - 1n)).toEqual([])
    })

    it('end with the compaction revision when their past is gone, and start at that revision', async () => {
      const { store } = context.main()
      const prefix = context.prefix()
      const first = await write(store, put(`${prefix}a`, '1'))
      await write(store, put(`${prefix}a`, '2'))
      const deleted = await write(store, { kind: 'delete', key: `${prefix}a` })
      await write(store, put(`${prefix}a`, '4'))
      await context.world().compact(deleted)
      await using watch = new WatchRecorder(store, first, prefix)
      await watch.until('the end', () => watch.ended)
      expect(watch.error).toBeUndefined()
      expect(watch.events).toEqual([{ kind: 'compacted', compactRevision: deleted }])
      await using rest = new WatchRecorder(store, deleted, prefix)
      await rest.until('the rest', () => rest.lines.length === 2)
      expect(rest.lines).toEqual([`${prefix}a-`, `${prefix}a=4`])
    })

    it('end without throwing when the signal aborts', async () => {
      const { store } = context.main()
      const watch = new WatchRecorder(store, 1n as Revision, context.prefix())
      await watch.until('connected', () => watch.connections.length > 0)
      await watch.stop()
      expect([watch.ended, watch.error]).toEqual([true, undefined])
    })

    it('lose and repeat nothing when cut again and again', async () => {
      const { store } = context.main()
      const far = await context.world().client()
      const prefix = context.prefix()
      const from = after((await store.list(prefix)).revision)
      await using watch = new WatchRecorder(far.store, from, prefix)
      const count = 60
      for (let i = 0; i < count; i++) {
        if (i % 15 === 7) {
          await watch.until('something new', () => watch.lines.length >= i - 7)
          await far.cut()
        }
        await write(store, put(`${prefix}a`, String(i)))
      }
      await watch.until('all', () => watch.lines.length >= count)
      expect(watch.revisions).toEqual(Array.from({ length: count }, (_, i) => from + BigInt(i)))
      expect(watch.connections.filter((state) => state === 'lost').length).toBeGreaterThan(0)
    })

    it('notice a black hole and catch up after it', async () => {
      const { store } = context.main()
      const far = await context.world().client()
      const prefix = context.prefix()
      const from = after((await store.list(prefix)).revision)
      await using watch = new WatchRecorder(far.store, from, prefix)
      await write(store, put(`${prefix}a`, 'before'))
      await watch.until('the first', () => watch.lines.length === 1)
      await far.isolate()
      await watch.until('silence noticed', () => watch.connections.at(-1) === 'lost')
      for (const value of ['1', '2', '3']) await write(store, put(`${prefix}a`, value))
      await far.heal()
      await watch.until('the rest', () => watch.lines.length === 4)
      expect(watch.revisions).toEqual(Array.from({ length: 4 }, (_, i) => from + BigInt(i)))
      expect(watch.connections.at(-1)).toBe('connected')
    })

    it('surface a compaction that happened while they were away', async () => {
      const { store } = context.main()
      const far = await context.world().client()
      const prefix = context.prefix()
      const from = after((await store.list(prefix)).revision)
      await using watch = new WatchRecorder(far.store, from, prefix)
      await write(store, put(`${prefix}a`, 'before'))
      await watch.until('the first', () => watch.lines.length === 1)
      await far.isolate()
      await watch.until('silence noticed', () => watch.connections.at(-1) === 'lost')
      for (const value of ['1', '2', '3']) await write(store, put(`${prefix}a`, value))
      const { revision } = await store.list(prefix)
      await context.world().compact(revision)
      await far.heal()
      await watch.until('the end', () => watch.ended)
      expect(watch.lines).toEqual([`${prefix}a=before`])
      expect(watch.events.at(-1)).toEqual({ kind: 'compacted', compactRevision: revision })
    })
  })
}
