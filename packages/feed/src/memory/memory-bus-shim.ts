import { LoopScope, silentLogger } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import type { FeedBus } from '../bus.ts'

/** Probabilities, each in [0, 1]. */
export interface BusFaults {
  readonly lose: number
  readonly repeat: number
  /** Of being delayed by up to `delayMsMax`, during which others overtake: this is also what reorders. */
  readonly delay: number
  readonly delayMsMax: number
}

export const NO_FAULTS: BusFaults = { lose: 0, repeat: 0, delay: 0, delayMsMax: 0 }

export interface MemoryBusShimOptions {
  /** Any bus; closed with the shim. */
  readonly inner: FeedBus
  readonly clock: Clock
  /** Uniform in [0, 1); the same numbers give the same faults. */
  readonly random: () => number
  readonly faults?: BusFaults
}

/**
 * For tests: does to the messages of a bus what a bus may do, on the way to each subscriber on its own, so that two
 * followers of one stream meet different faults.
 */
export class MemoryBusShim implements FeedBus {
  /** May be changed at any time; what is delayed already still arrives late. */
  faults: BusFaults
  readonly counters = { delivered: 0, lost: 0, repeated: 0, delayed: 0 }
  readonly #options: MemoryBusShimOptions
  readonly #scope = new LoopScope(silentLogger)
  #underWay = 0

  constructor(options: MemoryBusShimOptions) {
    this.#options = options
    this.faults = options.faults ?? NO_FAULTS
  }

  get connected(): boolean {
    return this.#options.inner.connected
  }

  /** Messages that are delayed now. */
  get underWay(): number {
    return this.#underWay
  }

  publish(subject: string, payload: Uint8Array): void {
    this.#options.inner.publish(subject, payload)
  }

  async subscribe(subject: string, handler: (payload: Uint8Array) => void): Promise<AsyncDisposable> {
    let open = true
    const deliver = (payload: Uint8Array): void => {
      if (!open) return
      this.counters.delivered += 1
      handler(payload)
    }
    const subscription = await this.#options.inner.subscribe(subject, (payload) => this.#pass(payload, deliver))
    return {
      [Symbol.asyncDispose]: () => {
        open = false
        return subscription[Symbol.asyncDispose]()
      },
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]()
    await this.#options.inner[Symbol.asyncDispose]()
  }

  #pass(payload: Uint8Array, deliver: (payload: Uint8Array) => void): void {
    const { random } = this.#options
    const { lose, repeat } = this.faults
    if (random() < lose) {
      this.counters.lost += 1
      return
    }
    this.#late(payload, deliver)
    if (random() < repeat) {
      this.counters.repeated += 1
      this.#late(payload.slice(), deliver)
    }
  }

  #late(payload: Uint8Array, deliver: (payload: Uint8Array) => void): void {
    const { clock, random } = this.#options
    const { delay, delayMsMax } = this.faults
    if (random() >= delay) {
      deliver(payload)
      return
    }
    const delayMs = random() * delayMsMax
    this.counters.delayed += 1
    this.#underWay += 1
    this.#scope.start('delayed message', async (signal) => {
      try {
        await clock.sleep(delayMs, signal)
        deliver(payload)
      } finally {
        this.#underWay -= 1
      }
    })
  }
}
