import type { Clock } from '@meridian/loop'
import type { LeaseId, StoreLease } from '../store.ts'

interface Lease {
  readonly ttlMs: number
  expiresAtMs: number
  readonly keys: Set<string>
  readonly ended: AbortController
}

/** The leases of one cluster, counted on its clock. */
export class Leases {
  readonly #leases = new Map<string, Lease>()
  readonly #clock: Clock
  readonly #ttlMsMin: number
  readonly #onEnd: (keys: readonly string[]) => void
  #next = 1

  constructor(clock: Clock, ttlMsMin: number, onEnd: (keys: readonly string[]) => void) {
    this.#clock = clock
    this.#ttlMsMin = ttlMsMin
    this.#onEnd = onEnd
  }

  grant(ttlMs: number): StoreLease {
    const granted = Math.max(ttlMs, this.#ttlMsMin)
    const id = String(this.#next++)
    const lease: Lease = {
      ttlMs: granted,
      expiresAtMs: this.#clock.nowMs() + granted,
      keys: new Set(),
      ended: new AbortController(),
    }
    this.#leases.set(id, lease)
    void this.#expire(id, lease)
    return { id: id as LeaseId, ttlMs: granted }
  }

  renew(id: LeaseId): number | undefined {
    this.endDue()
    const lease = this.#leases.get(id)
    if (lease === undefined) return undefined
    lease.expiresAtMs = this.#clock.nowMs() + lease.ttlMs
    return lease.ttlMs
  }

  has(id: LeaseId): boolean {
    return this.#leases.has(id)
  }

  /** Keys belong to the lease of their last put, or to none. */
  attach(key: string, id: LeaseId | undefined): void {
    for (const lease of this.#leases.values()) lease.keys.delete(key)
    if (id !== undefined) this.#leases.get(id)?.keys.add(key)
  }

  end(id: LeaseId): void {
    const lease = this.#leases.get(id)
    if (lease === undefined) return
    this.#leases.delete(id)
    lease.ended.abort(new Error('lease ended'))
    this.#onEnd([...lease.keys])
  }

  /** Before any call is answered, so that no answer depends on whether the clock's sleepers ran yet. */
  endDue(): void {
    for (const [id, lease] of this.#leases) {
      if (lease.expiresAtMs <= this.#clock.nowMs()) this.end(id as LeaseId)
    }
  }

  /** Stops the waiting; the keys stay. */
  close(): void {
    for (const lease of this.#leases.values()) lease.ended.abort(new Error('closed'))
  }

  async #expire(id: string, lease: Lease): Promise<void> {
    try {
      while (!lease.ended.signal.aborted) {
        const leftMs = lease.expiresAtMs - this.#clock.nowMs()
        if (leftMs <= 0) this.end(id as LeaseId)
        else await this.#clock.sleep(leftMs, lease.ended.signal)
      }
    } catch (error) {
      // The sleep rejects when the lease ends by other means; anything else is a broken clock.
      if (!lease.ended.signal.aborted) throw error
    }
  }
}
