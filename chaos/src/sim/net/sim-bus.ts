import type { FeedBus } from '@meridian/feed'
import type { Life } from '../kernel/process.ts'
import type { Scheduler } from '../kernel/scheduler.ts'
import type { Bends } from '../world/bends.ts'
import type { Links } from './links.ts'

interface Subscriber {
  readonly life: Life
  readonly handler: (payload: Uint8Array) => void
}

/** NATS of all regions as its clients meet it: what is published arrives at whoever it reaches, late, twice or never. */
export class SimBusNetwork {
  readonly counts = { delivered: 0, lost: 0 }
  readonly #scheduler: Scheduler
  readonly #links: Links
  readonly #bends: Bends
  readonly #subscribers = new Map<string, Set<Subscriber>>()

  constructor(scheduler: Scheduler, links: Links, bends: Bends) {
    this.#bends = bends
    this.#scheduler = scheduler
    this.#links = links
  }

  open(life: Life): FeedBus {
    return {
      connected: true,
      publish: (subject, payload) => {
        const { feed } = this.#bends
        const bent = feed === undefined ? payload : feed(payload)
        if (life.alive && bent !== undefined) this.#publish(life, subject, bent)
      },
      subscribe: (subject, handler) => {
        const subscribers = this.#subscribers.get(subject) ?? new Set()
        this.#subscribers.set(subject, subscribers)
        const subscriber: Subscriber = { life, handler }
        subscribers.add(subscriber)
        const end = (): void => void subscribers.delete(subscriber)
        life.onEnd.add(end)
        return Promise.resolve({
          [Symbol.asyncDispose]: () => {
            end()
            life.onEnd.delete(end)
            return Promise.resolve()
          },
        })
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }

  #publish(from: Life, subject: string, payload: Uint8Array): void {
    for (const subscriber of this.#subscribers.get(subject) ?? []) {
      const to = subscriber.life.process
      if (!this.#links.passes(from.process, to) || this.#links.loses(from.process, to)) {
        this.counts.lost += 1
        continue
      }
      const times = this.#links.repeats(from.process, to) ? 2 : 1
      for (let time = 0; time < times; time++) {
        this.#scheduler.after(this.#links.delayMs(from.process, to), 'feed', () =>
          subscriber.life.deliver(() => {
            if (this.#subscribers.get(subject)?.has(subscriber) !== true) return
            this.counts.delivered += 1
            subscriber.handler(payload.slice())
          }),
        )
      }
    }
  }
}
