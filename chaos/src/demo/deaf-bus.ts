import type { FeedBus } from '@meridian/feed'

/** A bus that delivers nothing once it is deaf; publishing and closing are the inner bus's. */
export class DeafBus implements FeedBus {
  readonly #inner: FeedBus
  #deaf = false

  constructor(inner: FeedBus) {
    this.#inner = inner
  }

  get connected(): boolean {
    return this.#inner.connected
  }

  deafen(): void {
    this.#deaf = true
  }

  publish(subject: string, payload: Uint8Array): void {
    this.#inner.publish(subject, payload)
  }

  subscribe(subject: string, handler: (payload: Uint8Array) => void): Promise<AsyncDisposable> {
    return this.#inner.subscribe(subject, (payload) => {
      if (!this.#deaf) handler(payload)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]()
  }
}
