import { MeridianError } from '@meridian/topology'
import type { Leadership } from './election.ts'
import type { Store, Txn, TxnOutcome } from './store.ts'

/**
 * A transaction made as leader: commits only while the leadership's key stands, and throws LEADERSHIP_LOST, nothing
 * changed, when it does not. A refusal by the caller's own guards is returned as the store returns it.
 */
export async function guardedTxn(
  store: Store,
  leadership: Leadership,
  txn: Txn,
  signal?: AbortSignal,
): Promise<TxnOutcome> {
  const { guard, lost, role, token } = leadership
  const stale = (): MeridianError =>
    new MeridianError('LEADERSHIP_LOST', `This process no longer leads ${role}.`, {
      details: { role, token: String(token) },
    })
  if (lost.aborted) throw stale()
  const outcome = await store.txn(
    {
      guards: [guard, ...txn.guards],
      operations: txn.operations,
      onRefusalRead: [...(txn.onRefusalRead ?? []), guard.key],
    },
    signal,
  )
  if (outcome.committed) return outcome
  const own = outcome.records.find((record) => record.key === guard.key)
  if (own?.createRevision !== token) throw stale()
  return { ...outcome, records: outcome.records.filter((record) => record.key !== guard.key) }
}
