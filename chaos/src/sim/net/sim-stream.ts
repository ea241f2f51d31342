import type { MethodDefinition, ServiceDefinition } from '@meridian/rpc'
import { MeridianError } from '@meridian/topology'
import type { Life } from '../kernel/process.ts'
import type { Timer } from '../kernel/scheduler.ts'
import type { Listener, SimNetwork } from './network.ts'
import { cutShort, errorOverWire, namesOf, SILENCE_MS_MAX } from './wire.ts'

export interface SimStreamOptions {
  readonly network: SimNetwork
  readonly caller: Life
  readonly address: string
  readonly service: ServiceDefinition
  readonly method: MethodDefinition
  readonly request: Uint8Array
  readonly signal: AbortSignal
}

/** How often both ends would notice that nothing comes any more. */
const LOOK_EVERY_MS = 1000
/** Two messages of one stream are this far apart at least. */
const APART_MS = 0.001

/**
 * One server stream over one connection: what the server sends arrives in order, later if the way is cut for a moment;
 * a longer cut, or the end of either process, breaks it for both ends.
 */
export class SimStream<T> implements AsyncIterable<T> {
  readonly #options: SimStreamOptions
  readonly #name: string
  readonly #arrived: T[] = []
  readonly #cancel = new AbortController()
  /** Encoded and not yet there: the way was cut when they left. */
  readonly #held: (() => void)[] = []
  #ended: { readonly error: MeridianError | undefined } | undefined
  #wake: (() => void) | undefined
  #lastArrivalMs = 0
  #look: Timer | undefined

  constructor(options: SimStreamOptions) {
    this.#options = options
    this.#name = namesOf(options.service, options.method).name
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    const { signal, caller } = this.#options
    signal.throwIfAborted()
    const abort = (): void => this.#end(new MeridianError('OUTCOME_UNKNOWN', `${this.#options.address}: cancelled`))
    signal.addEventListener('abort', abort, { once: true })
    const callerEnd = (): void => this.#breakThere()
    caller.onEnd.add(callerEnd)
    try {
      this.#open()
      for (;;) {
        const next = this.#arrived.shift()
        if (next !== undefined) yield next
        else if (this.#ended !== undefined) {
          if (this.#ended.error !== undefined) throw this.#ended.error
          return
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
        }
      }
    } finally {
      signal.removeEventListener('abort', abort)
      caller.onEnd.delete(callerEnd)
      this.#look?.cancel()
      this.#breakThere()
    }
  }

  #open(): void {
    const { network, caller, address } = this.#options
    const { scheduler, links } = network
    const from = caller.process
    const to = network.processAt(address)
    const refused = new MeridianError('UNAVAILABLE', `${address}: No connection established`)
    if (to === undefined) {
      scheduler.after(1, this.#name, () => caller.deliver(() => this.#end(refused)))
      return
    }
    if (!links.connected(from, to)) {
      scheduler.after(SILENCE_MS_MAX / 4, this.#name, () => caller.deliver(() => this.#end(refused)))
      return
    }
    this.#watchLink()
    scheduler.after(links.delayMs(from, to), this.#name, () => {
      const listener = network.listenerAt(address)
      if (listener !== undefined) listener.life.deliver(() => void this.#pump(listener))
      else {
        scheduler.after(links.delayMs(to, from), this.#name, () => caller.deliver(() => this.#end(refused)))
      }
    })
  }

  /** The server's side. */
  async #pump(listener: Listener): Promise<void> {
    const { service, method, request, caller } = this.#options
    const { life, closing, services } = listener
    const handler = services.get(service.fullName)?.handlers[namesOf(service, method).member]
    if (handler === undefined) throw new Error(`assertion: ${life.process.name} does not answer ${this.#name}`)
    const serverEnd = (): void => this.#carry(life, () => this.#end(this.#dropped()))
    life.onEnd.add(serverEnd)
    const signal = AbortSignal.any([this.#cancel.signal, closing.signal])
    try {
      const responses = handler(method.requestType.decode(request), { signal, peer: caller.process.name })
      if (!(Symbol.asyncIterator in responses)) throw new Error(`${this.#name} is a stream and its handler gave none`)
      for await (const response of responses) {
        if (signal.aborted) break
        const bytes = method.responseType.encode(response).finish()
        this.#carry(life, () => this.#deliver(bytes))
      }
      this.#carry(life, () => this.#end(undefined))
    } catch (error) {
      const told = signal.aborted ? undefined : errorOverWire(error)
      this.#carry(life, () => this.#end(told))
    } finally {
      life.onEnd.delete(serverEnd)
    }
  }

  #carry(server: Life, arrive: () => void): void {
    const { network, caller } = this.#options
    const { links } = network
    const [from, to] = [server.process, caller.process]
    if (this.#ended !== undefined) return
    if (!links.passes(from, to) || this.#held.length > 0) {
      this.#held.push(arrive)
      return
    }
    this.#arriveInOrder(links.delayMs(from, to), arrive)
  }

  /** Never in the instant of the one before: what is due at one instant comes in any order. */
  #arriveInOrder(delayMs: number, arrive: () => void): void {
    const { network, caller } = this.#options
    const { scheduler } = network
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs + APART_MS, scheduler.nowMs + delayMs)
    scheduler.after(this.#lastArrivalMs - scheduler.nowMs, this.#name, () => caller.deliver(arrive))
  }

  /** While the stream stands, looks at the way now and then: sends on what it held up, or gives it up. */
  #watchLink(): void {
    const { network, caller, address } = this.#options
    const { scheduler, links } = network
    this.#look = scheduler.after(LOOK_EVERY_MS, 'stream', () => {
      const to = network.processAt(address)
      if (this.#ended !== undefined || to === undefined || !caller.alive) return
      const sinceMs = links.cutSince(to, caller.process) ?? links.cutSince(caller.process, to)
      if (sinceMs === undefined) {
        for (const arrive of this.#held.splice(0)) this.#arriveInOrder(links.delayMs(to, caller.process), arrive)
      } else if (scheduler.nowMs - sinceMs > SILENCE_MS_MAX) {
        caller.deliver(() => this.#end(this.#dropped()))
        this.#breakThere()
        return
      }
      this.#watchLink()
    })
  }

  #breakThere(): void {
    const { network, caller, address } = this.#options
    const { scheduler, links } = network
    const to = network.processAt(address)
    if (to === undefined || this.#cancel.signal.aborted) return
    const ms = links.passes(caller.process, to) ? links.delayMs(caller.process, to) : SILENCE_MS_MAX
    scheduler.after(ms, 'cancel', () => to.life?.deliver(() => this.#cancel.abort(cutShort('the caller gave up'))))
  }

  #deliver(bytes: Uint8Array): void {
    if (this.#ended !== undefined) return
    // Its own method's decoder made it.
    this.#arrived.push(this.#options.method.responseType.decode(bytes) as T)
    this.#wake?.()
  }

  #end(error: MeridianError | undefined): void {
    if (this.#ended !== undefined) return
    this.#ended = { error }
    this.#wake?.()
  }

  #dropped(): MeridianError {
    return new MeridianError('OUTCOME_UNKNOWN', `${this.#options.address}: Connection dropped`)
  }
}
