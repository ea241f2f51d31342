import type { Clock } from '@meridian/loop'
import { systemClock } from '@meridian/loop'
import type { Revision } from '@meridian/topology'
import type { LeaseId, StoreLease, Txn, TxnOutcome } from '../store.ts'
import { Bell } from './bell.ts'
import { History } from './history.ts'
import { Leases } from './lease.ts'
import { applyTxn } from './txn.ts'

export interface MemoryClusterOptions {
  /** Counts the leases. Default: the system's. */
  readonly clock?: Clock
  /** Smallest TTL granted, whatever is asked for, as etcd's is 1.5 election time-outs. Default 0. */
  readonly leaseTtlMsMin?: number
}

/** What the members of one cluster have in common. Many `MemoryStore`s, one per process of a test, talk to it. */
export class MemoryCluster implements AsyncDisposable {
  readonly history = new History()
  /** Rung at every change of the history and of a client's fortune. */
  readonly bell = new Bell()
  readonly #leases: Leases

  constructor(options: MemoryClusterOptions = {}) {
    this.#leases = new Leases(options.clock ?? systemClock, options.leaseTtlMsMin ?? 0, (keys) => {
      this.history.commit(keys.map((key) => ({ key, value: undefined })))
      this.bell.ring()
    })
  }

  get revision(): Revision {
    return this.history.revision
  }

  /** History below `revision` is gone afterwards. */
  compact(revision: Revision): void {
    this.history.compact(revision)
    this.bell.ring()
  }

  apply(txn: Txn): TxnOutcome {
    this.#leases.endDue()
    const outcome = applyTxn(this.history, this.#leases, txn)
    this.bell.ring()
    return outcome
  }

  /** What a read sees has no lease that is over. */
  settled(): History {
    this.#leases.endDue()
    return this.history
  }

  grantLease(ttlMs: number): StoreLease {
    return this.#leases.grant(ttlMs)
  }

  renewLease(id: LeaseId): number | undefined {
    return this.#leases.renew(id)
  }

  endLease(id: LeaseId): void {
    this.#leases.end(id)
  }

  /** Ends the waiting for leases; data stay readable. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#leases.close()
  }
}
