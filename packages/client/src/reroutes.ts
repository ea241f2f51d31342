import type { Clock } from '@meridian/loop'
import type { Router } from '@meridian/router'
import { compareTokens } from '@meridian/topology'
import type { Key, KeyspaceName, Token } from '@meridian/topology'

/** What was tried for a key, or for all keys of its shard. */
export interface Tried {
  readonly keyspace: KeyspaceName
  readonly key: Key
  /** Of the route that was taken; undefined when there was none. */
  readonly token: Token | undefined
}

interface Waiting {
  readonly token: Token | undefined
  readonly wake: () => void
}

/** All who wait for another route of one key. */
interface Slot {
  readonly keyspace: KeyspaceName
  readonly key: Key
  readonly waiting: Set<Waiting>
}

/**
 * Pauses between attempts that end as soon as the map has a newer route than the one tried: after a leader was lost,
 * whoever backed off would otherwise learn of the next one up to a whole pause late. Cost of a change of the map: one lookup
 * for each key that is waited for, and those of one shard are waited for under one key.
 */
export class Reroutes implements Disposable {
  readonly #router: Pick<Router, 'route'>
  readonly #clock: Clock
  readonly #slots = new Map<string, Slot>()
  readonly #unsubscribe: () => void

  constructor(router: Pick<Router, 'route' | 'subscribe'>, clock: Clock) {
    this.#router = router
    this.#clock = clock
    this.#unsubscribe = router.subscribe(() => this.#changed())
  }

  /**
   * Resolves true at once if one of `tried` is routed anew already, or when it is; false after `ms`, or when `signal` is
   * aborted.
   */
  async pause(tried: readonly Tried[], ms: number, signal: AbortSignal): Promise<boolean> {
    if (tried.some(({ keyspace, key, token }) => this.#isNewer(keyspace, key, token))) return true
    const rerouted = new AbortController()
    const wake = (): void => rerouted.abort()
    const ends = tried.map(({ keyspace, key, token }) => this.#enter(keyspace, key, { token, wake }))
    try {
      await this.#clock.sleep(ms, AbortSignal.any([signal, rerouted.signal]))
      return false
    } catch {
      return rerouted.signal.aborted
    } finally {
      for (const end of ends) end()
    }
  }

  [Symbol.dispose](): void {
    this.#unsubscribe()
  }

  #enter(keyspace: KeyspaceName, key: Key, waiting: Waiting): () => void {
    const name = `${keyspace} ${key}`
    const slot = this.#slots.get(name) ?? { keyspace, key, waiting: new Set() }
    this.#slots.set(name, slot)
    slot.waiting.add(waiting)
    return () => {
      slot.waiting.delete(waiting)
      if (slot.waiting.size === 0 && this.#slots.get(name) === slot) this.#slots.delete(name)
    }
  }

  #changed(): void {
    for (const { keyspace, key, waiting } of this.#slots.values()) {
      const now = this.#router.route(keyspace, key)
      if (!now.ok) continue
      for (const { token, wake } of waiting) if (isNewer(now.route.token, token)) wake()
    }
  }

  #isNewer(keyspace: KeyspaceName, key: Key, tried: Token | undefined): boolean {
    const now = this.#router.route(keyspace, key)
    return now.ok && isNewer(now.route.token, tried)
  }
}

const isNewer = (now: Token, tried: Token | undefined): boolean => tried === undefined || compareTokens(now, tried) > 0
