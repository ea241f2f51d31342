import { AnswerNotNeeded } from '@meridian/store'
import type { Store, Txn, TxnOutcome } from '@meridian/store'

/** Times a transaction is sent at most: a leadership that goes from hand to hand is no reason to flood the tier. */
const SENDS_MAX = 4

/** Calls `listener` whenever the tier is seen to have another leader; returns the way to stop. */
export type LeaderChanges = (listener: () => void) => () => void

export interface Answered {
  readonly outcome: TxnOutcome
  /** Times it was sent before, without an answer: each of these may have, or may yet have, its effect. */
  readonly unanswered: number
}

/**
 * Sends a transaction, and the same one again when the tier has another leader before there is an answer. A leader that
 * hands over drops what members forward to it, and tells nobody: the one who asked would wait for its whole patience.
 *
 * ONLY for transactions of which at most one can have an effect, however often they are sent: they create a key that they
 * compare with being absent.
 *
 * @throws what the last one sent was answered with, if nothing that was sent had an outcome
 */
export async function resentTxn(
  store: Pick<Store, 'txn'>,
  txn: Txn,
  changes: LeaderChanges,
  signal: AbortSignal,
): Promise<Answered> {
  // By hand: a composed signal for each transaction costs more than it is worth on this path.
  const over = new AbortController()
  const onAbort = (): void => over.abort(signal.reason)
  signal.throwIfAborted()
  signal.addEventListener('abort', onAbort, { once: true })
  const sent: Promise<TxnOutcome>[] = []
  const answer = Promise.withResolvers<Answered>()
  let failed = 0
  const send = (): void => {
    const unanswered = sent.length
    const sending = store.txn(txn, over.signal)
    sent.push(sending)
    sending.then(
      (outcome) => answer.resolve({ outcome, unanswered: unanswered === 0 ? sent.length - 1 : unanswered }),
      (error: unknown) => {
        failed += 1
        if (failed === sent.length) answer.reject(error)
      },
    )
  }
  const unsubscribe = changes(() => {
    if (sent.length < SENDS_MAX) send()
  })
  try {
    send()
    return await answer.promise
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', onAbort)
    over.abort(new AnswerNotNeeded())
  }
}
