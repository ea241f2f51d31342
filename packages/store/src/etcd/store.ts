import { setMaxListeners } from 'node:events'
import type { Clock, Logger } from '@meridian/loop'
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
import type { EtcdCredentials } from './endpoint.ts'
import { EtcdEndpoint } from './endpoint.ts'
import { Endpoints } from './endpoints.ts'
import { grantLease, renewLease, revokeLease } from './lease.ts'
import { getRecord, listRecords } from './read.ts'
import { clusterMembers, moveLeader } from './members.ts'
import { storeStatus } from './status.ts'
import { commitTxn } from './txn.ts'
import type { WatchContext } from './watch.ts'
import { watchEtcd } from './watch.ts'

export interface EtcdStoreOptions {
  /** Client URLs of members of one cluster, nearest first: 'http://127.0.0.1:2379'. All http or all https. */
  readonly endpoints: readonly string[]
  readonly clock: Clock
  readonly log: Logger
  /** For one call, all attempts and the wait for a connection included. Default 5000. */
  readonly requestTimeoutMs?: number
  /** Records fetched at once by `list`. Default 10 000. */
  readonly listPageRecords?: number
  /** Uniform in [0, 1); scatters reconnects. Default Math.random. */
  readonly random?: () => number
  readonly credentials?: EtcdCredentials
}

/**
 * A client of one etcd cluster. Nothing is dialled before the first call, so a cluster that is down makes calls fail
 * with UNAVAILABLE, not this function; throws CONFIG_INVALID for endpoints that cannot be.
 */
export async function openEtcdStore(options: EtcdStoreOptions): Promise<Store> {
  for (const endpoint of options.endpoints) {
    if (!/^https?:\/\/[^/]+$/.test(endpoint)) {
      throw new MeridianError('CONFIG_INVALID', `${JSON.stringify(endpoint)} is no etcd endpoint: http://host:port`)
    }
  }
  const schemes = new Set(options.endpoints.map((endpoint) => new URL(endpoint).protocol))
  if (schemes.size !== 1) {
    throw new MeridianError('CONFIG_INVALID', 'etcd needs at least one endpoint, and either http or https for all.')
  }
  return new EtcdStore(options)
}

class EtcdStore implements Store {
  readonly #context: WatchContext
  readonly #closing = new AbortController()
  readonly #pageRecords: number

  constructor(options: EtcdStoreOptions) {
    const { clock, log, credentials, random = Math.random } = options
    const endpoints = options.endpoints.map((url) => new EtcdEndpoint(url, credentials, false))
    // Every call under way listens to it.
    setMaxListeners(0, this.#closing.signal)
    this.#pageRecords = options.listPageRecords ?? 10_000
    this.#context = {
      endpoints: new Endpoints(endpoints, clock, random),
      clock,
      log,
      requestTimeoutMs: options.requestTimeoutMs ?? 5000,
      closed: this.#closing.signal,
      credentials,
      random,
    }
  }

  async get(key: string, options: ReadOptions = {}): Promise<StoreRecord | undefined> {
    checkKey(key)
    return getRecord(this.#context, key, options)
  }

  async list(prefix: string, options: ListOptions = {}): Promise<Listing> {
    return listRecords(this.#context, prefix, options, this.#pageRecords)
  }

  async txn(txn: Txn, signal?: AbortSignal): Promise<TxnOutcome> {
    checkTxn(txn)
    return commitTxn(this.#context, txn, signal)
  }

  watch(options: WatchOptions): AsyncIterable<WatchEvent> {
    return watchEtcd(this.#context, options)
  }

  async grantLease(ttlMs: number, signal?: AbortSignal): Promise<StoreLease> {
    return grantLease(this.#context, ttlMs, signal)
  }

  async renewLease(id: LeaseId, signal?: AbortSignal): Promise<number | undefined> {
    return renewLease(this.#context, id, signal)
  }

  async revokeLease(id: LeaseId, signal?: AbortSignal): Promise<void> {
    return revokeLease(this.#context, id, signal)
  }

  async status(signal?: AbortSignal): Promise<StoreStatus> {
    return storeStatus(this.#context, signal)
  }

  async members(signal?: AbortSignal): Promise<readonly StoreMember[]> {
    return clusterMembers(this.#context, signal)
  }

  async moveLeader(memberId: string, signal?: AbortSignal): Promise<void> {
    return moveLeader(this.#context, memberId, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error('closed'))
    this.#context.endpoints.close()
  }
}
