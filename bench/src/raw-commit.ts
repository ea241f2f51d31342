import { silentLogger } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import type { Store } from '@meridian/store'
import { openEtcdStore } from '@meridian/store/etcd'

/** Longest wait for one raw commit, ms; a leader that was just moved may drop proposals. */
const COMMIT_MS_MAX = 10_000

/**
 * The least that commits in a tier: one unguarded put of a few bytes under `/bench/`, a prefix nobody watches or
 * publishes. For comparison only; the product never writes without guards.
 */
export class RawCommit implements AsyncDisposable {
  readonly #store: Store
  readonly #key: string
  #count = 0

  private constructor(store: Store, key: string) {
    this.#store = store
    this.#key = key
  }

  /** @param endpoint client URL of the member to send to; @param name unique among the writers of one cluster */
  static async open(endpoint: string, name: string, clock: Clock): Promise<RawCommit> {
    const store = await openEtcdStore({
      endpoints: [endpoint],
      clock,
      log: silentLogger,
      requestTimeoutMs: COMMIT_MS_MAX,
    })
    return new RawCommit(store, `/bench/${name}`)
  }

  async commit(signal: AbortSignal): Promise<void> {
    this.#count += 1
    const value = Buffer.from(String(this.#count))
    await this.#store.txn({ guards: [], operations: [{ kind: 'put', key: this.#key, value }] }, signal)
  }

  /** Takes its record away again. */
  async remove(signal: AbortSignal): Promise<void> {
    await this.#store.txn({ guards: [], operations: [{ kind: 'delete', key: this.#key }] }, signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]()
  }
}
