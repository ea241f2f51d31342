import type { Clock } from '@meridian/loop'
import type { Revision } from '@meridian/topology'
import type { Store } from '../store.ts'

/** One store of an implementation, and the faults the suite may inflict on its clients. */
export interface StoreWorld extends AsyncDisposable {
  readonly clock: Clock
  /** TTL that elections ask for, ms: the shortest the implementation grants. */
  readonly leaseTtlMs: number
  /** A new client with faults of its own; disposed with the world. */
  client(): Promise<WorldClient>
  /** History below `revision` is gone when it resolves. */
  compact(revision: Revision): Promise<void>
}

export interface WorldClient {
  readonly store: Store
  /** A black hole: nothing sent arrives, nothing comes back, no connection is closed. */
  isolate(): Promise<void>
  heal(): Promise<void>
  /** Its connections are lost once; new ones are accepted. */
  cut(): Promise<void>
  /**
   * Runs `call` such that its first transaction that mentions `mention` arrives and the answer does not. `arrived` asks
   * by another client whether it had its effect.
   */
  losingAnswer<T>(call: () => Promise<T>, mention: string, arrived: () => Promise<boolean>): Promise<T>
}
