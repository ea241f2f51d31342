import type { Guard, Txn } from '@meridian/store'

/** The same transaction without the guards that `drop` chooses. */
export function withoutGuards(txn: Txn, drop: (guard: Guard) => boolean): Txn {
  return txn.guards.some(drop) ? { ...txn, guards: txn.guards.filter((guard) => !drop(guard)) } : txn
}

/** The same transaction with other values put under the keys that `prefix` begins. */
export function withValues(txn: Txn, prefix: string, change: (key: string, value: Uint8Array) => Uint8Array): Txn {
  const operations = txn.operations.map((operation) =>
    operation.kind === 'put' && operation.key.startsWith(prefix)
      ? { ...operation, value: change(operation.key, operation.value) }
      : operation,
  )
  return { ...txn, operations }
}

export const puts = ({ operations }: Txn, prefix: string): boolean =>
  operations.some(({ kind, key }) => kind === 'put' && key.startsWith(prefix))
