import type { RpcServer, ServeOptions, Service } from '@meridian/rpc'
import { MeridianError } from '@meridian/topology'
import type { Life, SimProcess } from '../kernel/process.ts'
import type { Scheduler } from '../kernel/scheduler.ts'
import type { Bends } from '../world/bends.ts'
import type { Links } from './links.ts'
import { cutShort } from './wire.ts'

export interface Listener {
  readonly life: Life
  readonly services: ReadonlyMap<string, Service>
  readonly closing: AbortController
}

/** What was asked and answered, as the answering process handled it; for who records. */
export interface Handled {
  readonly server: SimProcess
  readonly life: Life
  readonly client: string
  readonly method: string
  readonly request: unknown
  readonly response: unknown
  readonly error: unknown
  /** What `arrived` made of it. */
  readonly before: unknown
}

/** What a caller learned; for who records. `sentLocalMs` is of its own clock. */
export interface Answered {
  readonly client: SimProcess
  /** Who answered. */
  readonly server: string
  readonly life: Life
  readonly method: string
  readonly request: unknown
  readonly response: unknown
  readonly sentLocalMs: number
}

export interface NetworkTap {
  /** A request is about to be handled; what is returned comes back with `handled`. */
  arrived(life: Life, method: string, request: unknown): unknown
  handled(call: Handled): void
  answered(call: Answered): void
}

/** Who listens where, and how calls get there and back. Messages pass through the real codecs. */
export class SimNetwork {
  readonly scheduler: Scheduler
  readonly links: Links
  /** Methods, `service/method`, of which a request must not arrive twice: what answers a repeated one is not the same. */
  readonly unrepeatable: ReadonlySet<string>
  readonly bends: Bends
  readonly counts = { calls: 0, lost: 0, repeated: 0, broken: 0 }
  tap: NetworkTap | undefined
  readonly #listeners = new Map<string, Listener>()
  readonly #places = new Map<string, SimProcess>()

  constructor(scheduler: Scheduler, links: Links, unrepeatable: ReadonlySet<string>, bends: Bends) {
    this.bends = bends
    this.scheduler = scheduler
    this.links = links
    this.unrepeatable = unrepeatable
  }

  /** Names the process that will listen at `address`, so that distance and cuts are known also while it is down. */
  place(address: string, process: SimProcess): void {
    this.#places.set(address, process)
  }

  processAt(address: string): SimProcess | undefined {
    return this.#places.get(address)
  }

  listenerAt(address: string): Listener | undefined {
    const listener = this.#listeners.get(address)
    return listener?.life.alive === true ? listener : undefined
  }

  listen(life: Life, { listen, services }: ServeOptions): RpcServer {
    if (this.listenerAt(listen) !== undefined) throw new MeridianError('PORT_IN_USE', `cannot listen on ${listen}`)
    const closing = new AbortController()
    const byName = new Map(services.map((service) => [service.definition.fullName, service]))
    const listener: Listener = { life, services: byName, closing }
    this.#listeners.set(listen, listener)
    return {
      address: listen,
      setServing: () => {},
      [Symbol.asyncDispose]: () => {
        if (this.#listeners.get(listen) === listener) this.#listeners.delete(listen)
        closing.abort(cutShort('the server is shutting down'))
        return Promise.resolve()
      },
    }
  }
}
