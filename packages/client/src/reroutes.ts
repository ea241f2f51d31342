import type { Clock } from '@meridian/loop'
import type { Router } from '@meridian/router'
import { compareTokens } from '@meridian/topology'
import type { Key, KeyspaceName, Token } from '@meridian/topology'

/** What was tried for a key. */
export interface Tried {
  readonly keyspace: KeyspaceName
  readonly key: Key
  /** Of the route that was taken; undefined when there was none. */
  readonly route: { readonly start: Key; readonly token: Token } | undefined
}

/** All who wait for another route of one shard, or of a key that has none. */
interface Slot {
  readonly keyspace: KeyspaceName
  /** That the shard starts with. */
  readonly start: Key
  readonly waiting: Set<{ readonly tried: Tried; readonly wake: () => void }>
}

/**
 * Pauses between attempts that end as soon as the map has a newer route than the one tried: after a leader was lost,
 * whoever backed off would otherwise learn of the next one up to a whole pause late. A change of the map costs one lookup for
 * each shard that is waited for, and one for each who waits for a shard that changed.
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
    if (tried.some((each) => this.#isRerouted(each))) return true
    const rerouted = new AbortController()
    const wake = (): void => rerouted.abort()
    const ends = tried.map((each) => this.#enter(each, wake))
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

  #enter(tried: Tried, wake: () => void): () => void {
    const { keyspace, key, route: { start } = { start: key } } = tried
    const name = `${keyspace} ${start}`
    const slot = this.#slots.get(name) ?? { keyspace, start, waiting: new Set() }
    this.#slots.set(name, slot)
    const own = { tried, wake }
    slot.waiting.add(own)
    return () => {
      slot.waiting.delete(own)
      if (slot.waiting.size === 0 && this.#slots.get(name) === slot) this.#slots.delete(name)
    }
  }

  #changed(): void {
    for (const { keyspace, start, waiting } of this.#slots.values()) {
      const now = this.#router.route(keyspace, start)
      if (!now.ok) continue
      const { token } = now.route
      // The start may be another shard's by now, and its route no news for the key.
      for (const { tried, wake } of waiting) if (isNewer(token, tried) && this.#isRerouted(tried)) wake()
    }
  }

  #isRerouted(tried: Tried): boolean {
    const now = this.#router.route(tried.keyspace, tried.key)
    return now.ok && isNewer(now.route.token, tried)
  }
}

const isNewer = (now: Token, { route }: Tried): boolean => route === undefined || compareTokens(now, route.token) > 0
