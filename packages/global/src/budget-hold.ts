import { keyBytes, keyOfBytes, keyspaceName } from '@meridian/topology'
import type { KeyRange, KeyspaceName, OperationId } from '@meridian/topology'

/**
 * A continuation that was bought and is no more: `set-policy` lowered it at the revision of this record. Whoever has not
 * heard of that yet may still go on by the old one, and no lease says when it has. So the failover authority waits the
 * old one out, counted from when it first saw this record, before it takes any of these keys; then it deletes the record.
 */
export interface BudgetHold extends KeyRange {
  readonly keyspace: KeyspaceName
  readonly budgetMs: number
}

export const BUDGET_HOLD_PREFIX = '/budget-hold/'
export const budgetHoldKey = (operation: OperationId): string => BUDGET_HOLD_PREFIX + operation

export function encodeBudgetHold({ keyspace, start, end, budgetMs }: BudgetHold): Uint8Array {
  const hex = (key: BudgetHold['start']): string => Buffer.from(keyBytes(key)).toString('hex')
  return Buffer.from(JSON.stringify({ keyspace, start: hex(start), end: hex(end), budgetMs }))
}

/** @throws Error on bytes that this code did not write */
export function decodeBudgetHold(bytes: Uint8Array): BudgetHold {
  const text = Buffer.from(bytes).toString()
  const { keyspace, start, end, budgetMs } = Object(JSON.parse(text)) as Readonly<Record<string, unknown>>
  if (typeof start !== 'string' || typeof end !== 'string' || !Number.isSafeInteger(budgetMs)) {
    throw new Error(`stored budget hold does not decode: ${text}`)
  }
  return {
    keyspace: keyspaceName(String(keyspace)),
    start: keyOfBytes(Buffer.from(start, 'hex')),
    end: keyOfBytes(Buffer.from(end, 'hex')),
    budgetMs: Number(budgetMs),
  }
}
