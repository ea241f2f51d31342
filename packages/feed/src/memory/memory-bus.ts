import { MeridianError } from '@meridian/topology'
import { checkMessageBytes } from '../bus.ts'
import type { FeedBus } from '../bus.ts'

type Handler = (payload: Uint8Array) => void

/**
 * A bus inside one process, for all its parts together: in order, nothing lost. Delivers after `publish` has returned,
 * as a network would, and each handler gets bytes of its own.
 */
export class MemoryBus implements FeedBus {
  readonly #handlers = new Map<string, Set<Handler>>()
  #open = true

  get connected(): boolean {
    return this.#open
  }

  publish(subject: string, payload: Uint8Array): void {
    checkMessageBytes(subject, payload)
    if (!this.#open) return
    for (const handler of this.#handlers.get(subject) ?? []) {
      const copy = payload.slice()
      queueMicrotask(() => {
        if (this.#handlers.get(subject)?.has(handler) === true) handler(copy)
      })
    }
  }

  subscribe(subject: string, handler: Handler): Promise<AsyncDisposable> {
    if (!this.#open) return Promise.reject(new MeridianError('UNAVAILABLE', 'the bus is closed'))
    const handlers = this.#handlers.get(subject) ?? new Set()
    this.#handlers.set(subject, handlers)
    // One handler may be subscribed twice; each subscription is its own.
    const own: Handler = (payload) => handler(payload)
    handlers.add(own)
    return Promise.resolve({
      [Symbol.asyncDispose]: () => {
        handlers.delete(own)
        return Promise.resolve()
      },
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#open = false
    this.#handlers.clear()
    return Promise.resolve()
  }
}
