import { MeridianError } from '@meridian/topology'
import type { Guard, Txn, TxnOutcome } from '../store.ts'
import type { History } from './history.ts'
import type { Leases } from './lease.ts'

/** One synchronous turn, so nothing comes between the comparison and the change. */
export function applyTxn(history: History, leases: Leases, txn: Txn): TxnOutcome {
  if (!txn.guards.every((guard) => holds(history, guard))) {
    const records = (txn.onRefusalRead ?? []).flatMap((key) => history.at(key) ?? [])
    return { committed: false, revision: history.revision, records }
  }
  for (const operation of txn.operations) {
    if (operation.kind === 'put' && operation.lease !== undefined && !leases.has(operation.lease)) {
      throw new MeridianError('INVALID_ARGUMENT', `The lease of ${operation.key} has ended; nothing was written.`)
    }
  }
  const revision = history.commit(
    txn.operations.map((operation) => ({
      key: operation.key,
      value: operation.kind === 'put' ? operation.value : undefined,
    })),
  )
  for (const operation of txn.operations) {
    leases.attach(operation.key, operation.kind === 'put' ? operation.lease : undefined)
  }
  return { committed: true, revision }
}

function holds(history: History, guard: Guard): boolean {
  const record = history.at(guard.key)
  switch (guard.kind) {
    case 'mod-revision':
      return (record?.modRevision ?? 0n) === guard.equals
    case 'create-revision':
      return (record?.createRevision ?? 0n) === guard.equals
    case 'value-below':
      return record !== undefined && Buffer.compare(record.value, guard.bound) < 0
    case 'value-equals':
      return record !== undefined && Buffer.compare(record.value, guard.value) === 0
  }
}
