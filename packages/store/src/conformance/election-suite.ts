import { silentLogger } from '@meridian/loop'
import { waitFor } from '@meridian/testkit'
import { describe, expect, it } from 'vitest'
import { campaign } from '../campaign.ts'
import type { Leader, Leadership } from '../election.ts'
import { guardedTxn } from '../guarded-txn.ts'
import { observeLeader, watchLeader } from '../observe-leader.ts'
import type { Store } from '../store.ts'
import type { SuiteContext } from './context.ts'
import { put, text } from './context.ts'

export function electionSuite(context: SuiteContext): void {
  let roles = 0
  const newRole = (): string => `role-${++roles}`

  const stand = (store: Store, role: string, value: string, signal: AbortSignal): Promise<Leadership> =>
    campaign(store, {
      role,
      value,
      ttlMs: context.world().leaseTtlMs,
      clock: context.world().clock,
      log: silentLogger,
      signal,
    })

  describe('elections', () => {
    it('have one winner at a time, in order of arrival, with rising tokens', async () => {
      const { store } = context.main()
      const role = newRole()
      const { signal } = new AbortController()
      const first = await stand(store, role, 'first', signal)
      const other = await context.world().client()
      const order: string[] = []
      const waiting = ['second', 'third'].map(async (value, i) => {
        await waitFor('my turn to stand', async () => (await store.list(`/elect/${role}/`)).records.length === i + 1)
        const leadership = await stand(other.store, role, value, signal)
        order.push(value)
        return leadership
      })
      await waitFor('three candidates', async () => (await store.list(`/elect/${role}/`)).records.length === 3)
      expect(order).toEqual([])
      expect(await observeLeader(store, role)).toEqual({ token: first.token, value: 'first' })
      await first.resign()
      await first.resign()
      expect(first.lost.aborted).toBe(true)
      const second = await waiting[0]
      expect(order).toEqual(['second'])
      await second?.resign()
      const third = await waiting[1]
      expect(order).toEqual(['second', 'third'])
      const tokens = [first.token, second?.token ?? 0n, third?.token ?? 0n]
      expect(tokens).toEqual(tokens.toSorted((a, b) => (a < b ? -1 : 1)))
      expect(new Set(tokens).size).toBe(3)
      await third?.resign()
      expect(await observeLeader(store, role)).toBeUndefined()
    })

    it('refuse the guarded transaction of a leader that was replaced', async () => {
      const { store } = context.main()
      const role = newRole()
      const key = `${context.prefix()}a`
      const { signal } = new AbortController()
      const old = await stand(store, role, 'old', signal)
      expect(await guardedTxn(store, old, { guards: [], operations: [put(key, 'old')] })).toMatchObject({
        committed: true,
      })
      // As a paused process would keep it: with a signal that has not fired.
      const asleep: Leadership = { ...old, lost: new AbortController().signal }
      await old.resign()
      const young = await stand(store, role, 'young', signal)
      await guardedTxn(store, young, { guards: [], operations: [put(key, 'young')] })
      await expect(guardedTxn(store, asleep, { guards: [], operations: [put(key, 'stale')] })).rejects.toMatchObject({
        code: 'LEADERSHIP_LOST',
      })
      const bare = await store.txn({ guards: [asleep.guard], operations: [put(key, 'stale')] })
      expect(bare.committed).toBe(false)
      expect(text((await store.get(key))?.value)).toBe('young')
      await young.resign()
    })

    it('return a refusal by the other guards as it is', async () => {
      const { store } = context.main()
      const key = `${context.prefix()}a`
      const leadership = await stand(store, newRole(), 'x', new AbortController().signal)
      const outcome = await guardedTxn(store, leadership, {
        guards: [{ kind: 'value-equals', key, value: Buffer.from('y') }],
        operations: [put(key, 'z')],
        onRefusalRead: [key],
      })
      expect(outcome).toMatchObject({ committed: false, records: [] })
      await leadership.resign()
    })

    it('keep a leader that renews beyond its TTL, and let it go when the signal aborts', async () => {
      const { store } = context.main()
      const { clock, leaseTtlMs } = context.world()
      const role = newRole()
      const stop = new AbortController()
      const leadership = await stand(store, role, 'x', stop.signal)
      const untilMs = clock.nowMs() + 2.5 * leaseTtlMs
      await waitFor('two and a half TTLs', () => clock.nowMs() > untilMs, { giveUp: () => reasonOf(leadership) })
      expect(leadership.lost.aborted).toBe(false)
      stop.abort(new Error('stopped'))
      expect(leadership.lost.aborted).toBe(true)
      await waitFor('nobody leads', async () => (await observeLeader(store, role)) === undefined)
    })

    it('end at the local deadline for a leader that is cut off, before anybody succeeds it', async () => {
      const { store } = context.main()
      const far = await context.world().client()
      const { clock } = context.world()
      const role = newRole()
      const { signal } = new AbortController()
      const old = await stand(far.store, role, 'old', signal)
      const succession = stand(store, role, 'young', signal).then((leadership) => ({
        leadership,
        atMs: clock.nowMs(),
      }))
      await waitFor('two candidates', async () => (await store.list(`/elect/${role}/`)).records.length === 2)
      await far.isolate()
      const lostAtMs = await new Promise<number>((resolve) => {
        old.lost.addEventListener('abort', () => resolve(clock.nowMs()), { once: true })
      })
      const { leadership, atMs } = await succession
      expect(lostAtMs).toBeLessThan(atMs)
      expect(leadership.token).toBeGreaterThan(old.token)
      await far.heal()
      await Promise.all([old.resign(), leadership.resign()])
    })

    it('end at once for a leader whose key is deleted', async () => {
      const { store } = context.main()
      const leadership = await stand(store, newRole(), 'x', new AbortController().signal)
      await store.txn({ guards: [], operations: [{ kind: 'delete', key: leadership.guard.key }] })
      await waitFor('lost', () => leadership.lost.aborted)
      await leadership.resign()
    })

    it('leave no candidate behind when a campaign is aborted', async () => {
      const { store } = context.main()
      const role = newRole()
      const leader = await stand(store, role, 'leader', new AbortController().signal)
      const stop = new AbortController()
      const waiting = stand(store, role, 'waiting', stop.signal)
      await waitFor('two candidates', async () => (await store.list(`/elect/${role}/`)).records.length === 2)
      stop.abort(new Error('no longer wanted'))
      await expect(waiting).rejects.toThrow('no longer wanted')
      await waitFor('one candidate', async () => (await store.list(`/elect/${role}/`)).records.length === 1)
      await leader.resign()
    })

    it('are won although the answer to the candidature was lost', async () => {
      const { store } = context.main()
      const far = await context.world().client()
      const role = newRole()
      const leadership = await far.losingAnswer(
        () => stand(far.store, role, 'x', new AbortController().signal),
        `/elect/${role}/`,
        async () => (await observeLeader(store, role)) !== undefined,
      )
      expect(await observeLeader(store, role)).toEqual({ token: leadership.token, value: 'x' })
      await leadership.resign()
    })

    it('can be followed', async () => {
      const { store } = context.main()
      const { clock } = context.world()
      const role = newRole()
      const stop = new AbortController()
      const seen: (string | undefined)[] = []
      const following = (async () => {
        for await (const leader of watchLeader(store, role, { clock, log: silentLogger, signal: stop.signal })) {
          seen.push(nameOf(leader))
        }
      })()
      for (const value of ['a', 'b']) {
        const leadership = await stand(store, role, value, stop.signal)
        await waitFor(`${value} seen`, () => seen.at(-1) === value)
        await leadership.resign()
        await waitFor('nobody seen', () => seen.at(-1) === undefined)
      }
      stop.abort(new Error('stopped'))
      await following
      expect(seen).toEqual([undefined, 'a', undefined, 'b', undefined])
    })
  })
}

function nameOf(leader: Leader | undefined): string | undefined {
  return leader?.value
}

function reasonOf(leadership: Leadership): string | undefined {
  return leadership.lost.aborted ? String(leadership.lost.reason) : undefined
}
