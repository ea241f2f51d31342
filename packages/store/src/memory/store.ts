import { MeridianError } from '@meridian/topology'
import { checkKey, checkTxn } from '../limits.ts'
import type {
  LeaseId,
  Listing,
  ListOptions,
  ReadOptions,
  Store,
  StoreLease,
  StoreMember,
  StoreRecord,
  StoreStatus,
  Txn,
  TxnOutcome,
  WatchEvent,
  WatchOptions,
} from '../store.ts'
import type { MemoryCluster } from './cluster.ts'
import type { MemoryCall } from './faults.ts'
import { MemoryFaults } from './faults.ts'
import { watchHistory } from './watch.ts'

/**
 * One client of a `MemoryCluster`: same answers as etcd, no process, no wall clock.
 *
 * NOT like etcd: `local` reads are never old, nothing takes time beyond one turn of the microtask queue, and values
 * are handed out uncopied, so whoever writes into one corrupts the store.
 */
export class MemoryStore implements Store {
  readonly faults: MemoryFaults
  readonly #cluster: MemoryCluster
  readonly #closed = new AbortController()

  constructor(cluster: MemoryCluster) {
    this.#cluster = cluster
    this.faults = new MemoryFaults(cluster.bell)
  }

  async get(key: string, options: ReadOptions = {}): Promise<StoreRecord | undefined> {
    checkKey(key)
    return this.#read({ kind: 'get', key }, () => this.#cluster.settled().at(key), options.signal)
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Listing> {
    return this.#read(
      { kind: 'list', prefix },
      () => {
        const history = this.#cluster.settled()
        const revision = options.revision ?? history.revision
        return { records: history.list(prefix, revision), revision }
      },
      options.signal,
    )
  }

  async txn(txn: Txn, signal?: AbortSignal): Promise<TxnOutcome> {
    checkTxn(txn)
    return this.#write({ kind: 'txn', txn }, () => this.#cluster.apply(txn), signal)
  }

  watch(options: WatchOptions): AsyncIterable<WatchEvent> {
    return watchHistory(this.#cluster.history, this.#cluster.bell, this.faults, options, this.#closed.signal)
  }

  async grantLease(ttlMs: number, signal?: AbortSignal): Promise<StoreLease> {
    return this.#write({ kind: 'grant-lease' }, () => this.#cluster.grantLease(ttlMs), signal)
  }

  async renewLease(id: LeaseId, signal?: AbortSignal): Promise<number | undefined> {
    return this.#write({ kind: 'renew-lease' }, () => this.#cluster.renewLease(id), signal)
  }

  async revokeLease(id: LeaseId, signal?: AbortSignal): Promise<void> {
    return this.#write({ kind: 'revoke-lease' }, () => this.#cluster.endLease(id), signal)
  }

  async status(signal?: AbortSignal): Promise<StoreStatus> {
    return this.#read({ kind: 'status' }, () => this.#cluster.statusOf(this.#cluster.nearest), signal)
  }

  async members(signal?: AbortSignal): Promise<readonly StoreMember[]> {
    return this.#read({ kind: 'members' }, () => this.#cluster.listMembers(), signal)
  }

  async moveLeader(memberId: string, signal?: AbortSignal): Promise<void> {
    return this.#write({ kind: 'move-leader' }, () => this.#cluster.moveLeader(memberId), signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('closed'))
  }

  async #read<T>(call: MemoryCall, answer: () => T, signal: AbortSignal | undefined): Promise<T> {
    const fault = await this.#arrive(call, signal)
    if (fault !== undefined) throw unavailable(call)
    return answer()
  }

  async #write<T>(call: MemoryCall, effect: () => T, signal: AbortSignal | undefined): Promise<T> {
    const fault = await this.#arrive(call, signal)
    switch (fault) {
      case undefined:
        return effect()
      case 'unavailable':
        throw unavailable(call)
      case 'unknown-before':
        break
      case 'unknown-after':
        effect()
        break
    }
    throw new MeridianError('OUTCOME_UNKNOWN', `The answer to ${call.kind} was lost.`)
  }

  async #arrive(call: MemoryCall, signal: AbortSignal | undefined) {
    // A call is never answered in the turn that made it, as over a network.
    await Promise.resolve()
    signal?.throwIfAborted()
    if (this.#closed.signal.aborted) throw new MeridianError('UNAVAILABLE', 'The store is closed.')
    return this.faults.of(call)
  }
}

function unavailable(call: MemoryCall): MeridianError {
  return new MeridianError('UNAVAILABLE', `The store did not answer ${call.kind}.`)
}
