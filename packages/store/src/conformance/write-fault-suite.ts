import { isMeridianError } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { SuiteContext } from './context.ts'
import { NEVER, put, settled, text } from './context.ts'

export function writeFaultSuite(context: SuiteContext): void {
  describe('writes without an answer', () => {
    it('are of unknown outcome and happen once: put', async () => {
      const { store } = context.main()
      const far = await context.world().client()
      const key = `${context.prefix()}a`
      const outcome = await settled(
        far.losingAnswer(
          () => far.store.txn({ guards: [], operations: [put(key, 'once')] }),
          key,
          async () => (await store.get(key)) !== undefined,
        ),
      )
      expect(outcome).toMatchObject({ error: { code: 'OUTCOME_UNKNOWN' } })
      await far.heal()
      // Its own next write is behind whatever might have been sent twice.
      await far.store.txn({ guards: [], operations: [] })
      const record = await store.get(key)
      expect(record?.createRevision).toBe(record?.modRevision)
    })

    it('are of unknown outcome and happen once: create if absent', async () => {
      const { store } = context.main()
      const far = await context.world().client()
      const key = `${context.prefix()}a`
      const outcome = await settled(
        far.losingAnswer(
          () =>
            far.store.txn({
              guards: [{ kind: 'create-revision', key, equals: NEVER }],
              operations: [put(key, 'mine')],
            }),
          key,
          async () => (await store.get(key)) !== undefined,
        ),
      )
      // A retry inside would have turned the win into a refusal.
      expect(outcome).toMatchObject({ error: { code: 'OUTCOME_UNKNOWN' } })
      await far.heal()
      expect(text((await far.store.get(key))?.value)).toBe('mine')
    })

    it('are of unknown outcome in a black hole, where reads are unavailable, and both end in time', async () => {
      const { store } = context.main()
      const far = await context.world().client()
      const key = `${context.prefix()}a`
      expect(await far.store.get(key)).toBeUndefined()
      await far.isolate()
      const [write, read] = await Promise.all([
        settled(far.store.txn({ guards: [], operations: [put(key, 'lost')] })),
        settled(far.store.get(key)),
      ])
      expect(write).toMatchObject({ error: { code: 'OUTCOME_UNKNOWN' } })
      expect(read).toMatchObject({ error: { code: 'UNAVAILABLE' } })
      await far.heal()
      const seen = await store.get(key)
      expect([undefined, 'lost']).toContain(text(seen?.value))
    })

    it('are refused as unavailable by a store that is closed', async () => {
      const far = await context.world().client()
      await far.store[Symbol.asyncDispose]()
      const outcome = await settled(far.store.txn({ guards: [], operations: [] }))
      expect('error' in outcome && isMeridianError(outcome.error, 'UNAVAILABLE')).toBe(true)
    })
  })
}
