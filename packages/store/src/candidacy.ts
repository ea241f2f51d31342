import { withTimeLimit } from '@meridian/loop'
import type { Clock, Logger } from '@meridian/loop'
import type { Revision } from '@meridian/topology'
import { isMeridianError } from '@meridian/topology'
import { electionKey } from './election-key.ts'
import type { LeaseId, Store } from './store.ts'

/**
 * Part of each TTL that is not used: the server's clock and ours may run at rates that differ by this much before a
 * lease ends there first. A tenth is far above what crystals do and covers a virtual machine's bad minutes.
 */
const LEASE_MARGIN_SHARE = 0.1
/** Pause between renewals, and the longest wait for one: three attempts fit before the deadline, each at a server of its
 * own if there are several, since a server that does not answer is asked last for a while. */
const RENEWAL_SHARE = 0.25
const RENEWAL_RETRY_SHARE = 0.05
const RESIGN_TIMEOUT_MS = 2000

/**
 * One lease with one election key on it, from creation to loss. `lost` aborts once, for whichever reason comes first:
 * the local deadline, the server's word that the lease is gone, the key seen deleted, or `abandon`.
 */
export class Candidacy {
  readonly key: string
  readonly token: Revision
  readonly #store: Store
  readonly #lease: LeaseId
  readonly #ttlMs: number
  readonly #clock: Clock
  readonly #log: Logger
  readonly #lost = new AbortController()
  #deadlineMs: number
  #withdrawal: Promise<void> | undefined

  private constructor(
    store: Store,
    lease: { id: LeaseId; ttlMs: number; sentMs: number },
    identity: { key: string; token: Revision },
    clock: Clock,
    log: Logger,
  ) {
    this.#store = store
    this.#lease = lease.id
    this.#ttlMs = lease.ttlMs
    this.#clock = clock
    this.#log = log
    this.key = identity.key
    this.token = identity.token
    this.#deadlineMs = deadlineMs(lease.sentMs, lease.ttlMs)
  }

  /**
   * Takes a lease and creates the key, or throws what the store threw. An unanswered creation is read back, because
   * giving up on a key that exists would leave a dead candidate in front of the next attempt for a whole TTL.
   */
  static async stand(
    store: Store,
    role: string,
    value: string,
    ttlMs: number,
    clock: Clock,
    log: Logger,
    signal: AbortSignal,
  ): Promise<Candidacy> {
    const sentMs = clock.nowMs()
    const lease = await store.grantLease(ttlMs, signal)
    const key = electionKey(role, lease.id)
    try {
      const token = await createKey(store, key, value, lease.id, signal)
      const candidacy = new Candidacy(store, { ...lease, sentMs }, { key, token }, clock, log)
      candidacy.#start()
      return candidacy
    } catch (error) {
      await withdrawn(store, lease.id, clock, log)
      throw error
    }
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  abandon(reason: Error): void {
    if (!this.#lost.signal.aborted) this.#lost.abort(reason)
  }

  /** Ends the candidacy and takes its key away as far as the store can be reached; idempotent, never throws. */
  withdraw(): Promise<void> {
    this.abandon(new Error('withdrawn'))
    this.#withdrawal ??= withdrawn(this.#store, this.#lease, this.#clock, this.#log)
    return this.#withdrawal
  }

  #start(): void {
    void this.#keep()
    void this.#expire()
  }

  /** Apart from the renewals, which may hang for as long as the store's own time-out. */
  async #expire(): Promise<void> {
    while (!this.#lost.signal.aborted) {
      const leftMs = this.#deadlineMs - this.#clock.nowMs()
      if (leftMs <= 0) this.abandon(new Error('the lease could not be proven in time'))
      else await this.#slept(leftMs)
    }
  }

  async #keep(): Promise<void> {
    const everyMs = this.#ttlMs * RENEWAL_SHARE
    let pauseMs = everyMs
    while (!this.#lost.signal.aborted) {
      await this.#slept(pauseMs)
      if (this.#lost.signal.aborted) return
      const sentMs = this.#clock.nowMs()
      try {
        const renew = (signal: AbortSignal) => this.#store.renewLease(this.#lease, signal)
        const leftMs = await withTimeLimit(this.#clock, everyMs, renew, this.#lost.signal)
        pauseMs = everyMs
        if (leftMs === undefined) this.abandon(new Error('the lease is gone'))
        else this.#deadlineMs = Math.max(this.#deadlineMs, deadlineMs(sentMs, leftMs))
      } catch (error) {
        pauseMs = this.#ttlMs * RENEWAL_RETRY_SHARE
        if (!this.#lost.signal.aborted) this.#log.warn({ err: error, key: this.key }, 'lease renewal failed')
      }
    }
  }

  async #slept(ms: number): Promise<void> {
    try {
      await this.#clock.sleep(ms, this.#lost.signal)
    } catch (error) {
      if (!this.#lost.signal.aborted) throw error
    }
  }
}

function deadlineMs(sentMs: number, ttlMs: number): number {
  return sentMs + ttlMs * (1 - LEASE_MARGIN_SHARE)
}

async function createKey(
  store: Store,
  key: string,
  value: string,
  lease: LeaseId,
  signal: AbortSignal,
): Promise<Revision> {
  try {
    const outcome = await store.txn(
      {
        guards: [{ kind: 'create-revision', key, equals: 0n as Revision }],
        operations: [{ kind: 'put', key, value: Buffer.from(value), lease }],
      },
      signal,
    )
    if (outcome.committed) return outcome.revision
  } catch (error) {
    if (!isMeridianError(error, 'OUTCOME_UNKNOWN')) throw error
  }
  const record = await store.get(key, { signal })
  if (record === undefined) throw new Error(`the candidate ${key} was not created, or is gone already`)
  return record.createRevision
}

/** Best effort: what is not withdrawn ends with its lease. */
async function withdrawn(store: Store, lease: LeaseId, clock: Clock, log: Logger): Promise<void> {
  try {
    await withTimeLimit(clock, RESIGN_TIMEOUT_MS, (signal) => store.revokeLease(lease, signal))
  } catch (error) {
    log.warn({ err: error, lease }, 'lease not revoked')
  }
}
