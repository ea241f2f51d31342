import type { Revision } from '@meridian/topology'
import type { Operation, Store } from '../store.ts'
import type { StoreWorld, WorldClient } from './world.ts'

/** What every group of the suite is given. */
export interface SuiteContext {
  world(): StoreWorld
  /** The client without faults of its own, for arranging and for looking. */
  main(): WorldClient
  /** A prefix that no other test uses, ending in a slash. */
  prefix(): string
}

export const bytes = (text: string): Uint8Array => Buffer.from(text)
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : Buffer.from(value).toString()
export const after = (revision: Revision): Revision => (revision + 1n) as Revision
export const NEVER = 0n as Revision

export const put = (key: string, value: string): Operation => ({ kind: 'put', key, value: bytes(value) })

/** Unguarded writes in one transaction; returns its revision. */
export async function write(store: Store, ...operations: Operation[]): Promise<Revision> {
  const outcome = await store.txn({ guards: [], operations })
  if (!outcome.committed) throw new Error('an unguarded transaction was refused')
  return outcome.revision
}

/** Fulfilled becomes the value, rejected the reason: for calls of which either may be right. */
export async function settled<T>(call: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await call }
  } catch (error) {
    return { error }
  }
}
