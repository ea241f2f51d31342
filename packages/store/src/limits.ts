import { MeridianError } from '@meridian/topology'
import type { Txn } from './store.ts'
import { TXN_OPERATIONS_MAX, VALUE_BYTES_MAX } from './store.ts'

/** What every implementation refuses before anything is sent, so that a test on memory meets the limits of etcd. */
export const StoreLimits = {
  valueBytesMax: VALUE_BYTES_MAX,
  /** Operations of a transaction, and each of its guards and of the keys it reads on refusal. */
  txnOperationsMax: TXN_OPERATIONS_MAX,
  /** Keys and values of a transaction together. etcd's default is 1.5 MiB for the encoded request. */
  txnBytesMax: 1_400_000,
  keyBytesMax: 4096,
} as const

/**
 * Throws INVALID_ARGUMENT, VALUE_TOO_LARGE or REQUEST_TOO_LARGE; nothing has happened then. Callers that write many
 * records (pages, above all) batch by `txnBytesMax` as well as by number.
 */
export function checkTxn(txn: Txn): void {
  const parts = [txn.guards.length, txn.operations.length, txn.onRefusalRead?.length ?? 0]
  const most = Math.max(...parts)
  if (most > StoreLimits.txnOperationsMax) {
    throw new MeridianError(
      'REQUEST_TOO_LARGE',
      `A transaction has ${most} parts of one kind; at most ${StoreLimits.txnOperationsMax} are taken.`,
    )
  }
  let bytes = 0
  for (const guard of txn.guards) {
    checkKey(guard.key)
    bytes += guard.key.length
    if (guard.kind === 'value-below') bytes += guard.bound.length
    if (guard.kind === 'value-equals') bytes += guard.value.length
  }
  for (const key of txn.onRefusalRead ?? []) {
    checkKey(key)
    bytes += key.length
  }
  const written = new Set<string>()
  for (const operation of txn.operations) {
    checkKey(operation.key)
    if (written.has(operation.key)) {
      throw new MeridianError('INVALID_ARGUMENT', `A transaction writes ${JSON.stringify(operation.key)} twice.`)
    }
    written.add(operation.key)
    bytes += operation.key.length
    if (operation.kind !== 'put') continue
    if (operation.value.length > StoreLimits.valueBytesMax) {
      throw new MeridianError(
        'VALUE_TOO_LARGE',
        `The value of ${operation.key} has ${operation.value.length} bytes; at most ${StoreLimits.valueBytesMax} are taken.`,
      )
    }
    bytes += operation.value.length
  }
  if (bytes > StoreLimits.txnBytesMax) {
    throw new MeridianError(
      'REQUEST_TOO_LARGE',
      `A transaction carries ${bytes} bytes; at most ${StoreLimits.txnBytesMax} are taken.`,
    )
  }
}

/** Printable ASCII: the order of such keys is the same as text and as bytes, which listings and watches rely on. */
export function checkKey(key: string): void {
  if (!/^[\x20-\x7e]+$/.test(key)) {
    throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(key.slice(0, 80))} is no key: printable ASCII only.`)
  }
  if (key.length > StoreLimits.keyBytesMax) {
    throw new MeridianError('KEY_TOO_LARGE', `A store key of ${key.length} bytes; at most ${StoreLimits.keyBytesMax}.`)
  }
}
