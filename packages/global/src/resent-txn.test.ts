import { AnswerNotNeeded } from '@meridian/store'
import type { Txn, TxnOutcome } from '@meridian/store'
import { MeridianError } from '@meridian/topology'
import type { Revision } from '@meridian/topology'
import { expect, it } from 'vitest'
import { resentTxn } from './resent-txn.ts'

const TXN: Txn = { guards: [], operations: [] }
const committed = (revision: bigint): TxnOutcome => ({ committed: true, revision: revision as Revision })
const never = new AbortController().signal

/** A store whose answers the test gives, and a tier whose leader changes when told to. */
function world() {
  const sent: { readonly answer: PromiseWithResolvers<TxnOutcome>; readonly signal: AbortSignal }[] = []
  const listeners = new Set<() => void>()
  return {
    sent,
    listeners,
    store: {
      txn: (_: Txn, signal = never) => {
        const answer = Promise.withResolvers<TxnOutcome>()
        sent.push({ answer, signal })
        signal.addEventListener('abort', () => answer.reject(signal.reason))
        return answer.promise
      },
    },
    changes: (listener: () => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    change: () => listeners.forEach((listener) => listener()),
  }
}

it('is one transaction while the leader stays', async () => {
  const { sent, store, changes, listeners } = world()
  const answered = resentTxn(store, TXN, changes, never)
  sent[0]?.answer.resolve(committed(7n))
  expect(await answered).toEqual({ outcome: committed(7n), unanswered: 0 })
  expect(sent).toHaveLength(1)
  expect(listeners.size).toBe(0)
})

it('is sent again when another leads, and nobody waits for what the old leader dropped', async () => {
  const { sent, store, changes, change } = world()
  const answered = resentTxn(store, TXN, changes, never)
  change()
  sent[1]?.answer.resolve(committed(8n))
  expect(await answered).toEqual({ outcome: committed(8n), unanswered: 1 })
  expect(sent[0]?.signal.reason).toBeInstanceOf(AnswerNotNeeded)
})

it('takes the first answer, also of what was sent first, and the other may still come', async () => {
  const { sent, store, changes, change } = world()
  const answered = resentTxn(store, TXN, changes, never)
  change()
  sent[0]?.answer.resolve(committed(6n))
  expect(await answered).toEqual({ outcome: committed(6n), unanswered: 1 })
})

it('fails only when everything that was sent has failed', async () => {
  const { sent, store, changes, change } = world()
  const answered = resentTxn(store, TXN, changes, never)
  change()
  sent[0]?.answer.reject(new MeridianError('OUTCOME_UNKNOWN', 'first'))
  sent[1]?.answer.reject(new MeridianError('OUTCOME_UNKNOWN', 'second'))
  await expect(answered).rejects.toThrow('second')
})

it('ends with its caller', async () => {
  const { sent, store, changes } = world()
  const giveUp = new AbortController()
  const answered = resentTxn(store, TXN, changes, giveUp.signal)
  giveUp.abort(new Error('enough'))
  await expect(answered).rejects.toThrow('enough')
  expect(sent[0]?.signal.aborted).toBe(true)
  await expect(resentTxn(store, TXN, changes, giveUp.signal)).rejects.toThrow('enough')
})

it('does not flood a tier whose leadership goes from hand to hand', async () => {
  const { sent, store, changes, change } = world()
  const answered = resentTxn(store, TXN, changes, never)
  for (let i = 0; i < 20; i += 1) change()
  expect(sent).toHaveLength(4)
  sent[3]?.answer.resolve(committed(9n))
  expect((await answered).unanswered).toBe(3)
})
