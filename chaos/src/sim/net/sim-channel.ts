import type {
  Channel,
  MethodDefinition,
  RequestOf,
  ResponseOf,
  ServiceDefinition,
  StreamOptions,
  UnaryOptions,
} from '@meridian/rpc'
import { MeridianError } from '@meridian/topology'
import type { Life, SimProcess } from '../kernel/process.ts'
import type { Listener, SimNetwork } from './network.ts'
import { SimStream } from './sim-stream.ts'
import { cutShort, errorOverWire, namesOf, SILENCE_MS_MAX } from './wire.ts'

/** A connection that is known to be gone is tried again in the background; calls do not wait for it. */
const REFUSED_MS = 20

/**
 * The way of one process to one address. As with gRPC: UNAVAILABLE means that the request was not sent, and whatever
 * was sent and not answered is OUTCOME_UNKNOWN.
 */
export class SimChannel implements Channel {
  readonly address: string
  readonly #network: SimNetwork
  readonly #life: Life

  constructor(network: SimNetwork, life: Life, address: string) {
    this.#network = network
    this.#life = life
    this.address = address
  }

  unary<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    request: RequestOf<M>,
    { timeoutMs, signal }: UnaryOptions,
  ): Promise<ResponseOf<M>> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(new MeridianError('UNAVAILABLE', `${this.address}: not sent, the caller had given up`))
        return
      }
      const caller = this.#life
      const network = this.#network
      const { bends } = network
      const { clock, process } = caller
      const { name } = namesOf(service, method)
      const sentLocalMs = clock.nowMs()
      let settled = false
      const cancel = new AbortController()
      const settle = (end: () => void): void => {
        if (settled) return
        settled = true
        cutTimer()
        signal?.removeEventListener('abort', abort)
        end()
      }
      const giveUp = (why: string): void => {
        const error = new MeridianError('OUTCOME_UNKNOWN', `${this.address}: ${why}`)
        settle(() => reject(bends.error?.(caller, name, error) ?? error))
        this.#cancelThere(cancel)
      }
      const cutTimer = process.machine.wakeAt(sentLocalMs + timeoutMs, () =>
        caller.deliver(() => giveUp('deadline exceeded')),
      )
      const abort = (): void => giveUp('cancelled')
      signal?.addEventListener('abort', abort, { once: true })
      this.#send(name, () => ({
        bytes: method.requestType.encode(request).finish(),
        answer: (bytes, error) => {
          caller.deliver(() =>
            settle(() => {
              if (error !== undefined) {
                reject(bends.error?.(caller, name, error) ?? error)
                return
              }
              const response: ResponseOf<M> = method.responseType.decode(bytes)
              const server = network.processAt(this.address)?.name ?? this.address
              const call = { client: process, life: caller, server, method: name, request, response, sentLocalMs }
              network.tap?.answered(call)
              // Bent or not, it is of the method's own type.
              resolve((bends.received?.(caller, name, response, { request, sentLocalMs }) ?? response) as ResponseOf<M>)
            }),
          )
        },
        handle: (listener, bytes, reply) => this.#handle(listener, service, method, name, bytes, cancel.signal, reply),
      }))
    })
  }

  stream<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    request: RequestOf<M>,
    { signal }: StreamOptions,
  ): AsyncIterable<ResponseOf<M>> {
    signal.throwIfAborted()
    return new SimStream<ResponseOf<M>>({
      network: this.#network,
      caller: this.#life,
      address: this.address,
      service,
      method,
      request: method.requestType.encode(request).finish(),
      signal,
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve()
  }

  /** Carries one request there, perhaps twice, and what comes of it back. */
  #send(
    name: string,
    open: () => {
      readonly bytes: Uint8Array
      readonly answer: (bytes: Uint8Array, error?: MeridianError) => void
      readonly handle: (
        listener: Listener,
        bytes: Uint8Array,
        reply: (bytes: Uint8Array, error?: MeridianError) => void,
      ) => void
    },
  ): void {
    const { scheduler, links, counts, unrepeatable } = this.#network
    const from = this.#life.process
    if (!this.#life.alive) return
    const { bytes, answer, handle } = open()
    const to = this.#network.processAt(this.address)
    const refuse = (ms: number): void => {
      const error = new MeridianError('UNAVAILABLE', `${this.address}: No connection established`)
      scheduler.after(ms, `${name} refused`, () => answer(bytes, error))
    }
    if (to === undefined) {
      refuse(REFUSED_MS)
      return
    }
    counts.calls += 1
    const cutSince = links.cutSince(from, to) ?? links.cutSince(to, from)
    if (cutSince !== undefined && scheduler.nowMs - cutSince > SILENCE_MS_MAX) {
      refuse(REFUSED_MS)
      return
    }
    const carry = (): void => {
      if (links.cutSince(from, to) !== undefined || links.loses(from, to)) {
        counts.lost += 1
        return
      }
      scheduler.after(links.delayMs(from, to), name, () => {
        const listener = this.#network.listenerAt(this.address)
        if (listener === undefined) {
          if (links.passes(to, from)) refuse(links.delayMs(to, from))
          return
        }
        this.#arrive(listener, to, name, bytes, answer, handle)
      })
    }
    carry()
    if (!unrepeatable.has(name) && links.repeats(from, to)) {
      counts.repeated += 1
      carry()
    }
  }

  #arrive(
    listener: Listener,
    to: SimProcess,
    name: string,
    bytes: Uint8Array,
    answer: (bytes: Uint8Array, error?: MeridianError) => void,
    handle: (listener: Listener, bytes: Uint8Array, reply: (bytes: Uint8Array, error?: MeridianError) => void) => void,
  ): void {
    const { scheduler, links, counts } = this.#network
    const from = this.#life.process
    const { life } = listener
    const back = (what: string, reply: () => void): void => {
      if (!links.passes(to, from) || links.loses(to, from)) {
        counts.lost += 1
        return
      }
      scheduler.after(links.delayMs(to, from), what, reply)
    }
    const broken = (): void => {
      counts.broken += 1
      back(`${name} broken`, () =>
        answer(bytes, new MeridianError('OUTCOME_UNKNOWN', `${this.address}: Connection dropped`)),
      )
    }
    life.onEnd.add(broken)
    life.deliver(() =>
      handle(listener, bytes, (response, error) => {
        life.onEnd.delete(broken)
        if (life.alive) back(`${name} answered`, () => answer(response, error))
      }),
    )
  }

  #handle(
    listener: Listener,
    service: ServiceDefinition,
    method: MethodDefinition,
    name: string,
    bytes: Uint8Array,
    cancelled: AbortSignal,
    reply: (bytes: Uint8Array, error?: MeridianError) => void,
  ): void {
    const { life, closing, services } = listener
    const handler = services.get(service.fullName)?.handlers[namesOf(service, method).member]
    if (handler === undefined) throw new Error(`assertion: ${life.process.name} does not answer ${name}`)
    const request: unknown = method.requestType.decode(bytes)
    const network = this.#network
    const client = this.#life.process.name
    const call = { signal: AbortSignal.any([cancelled, closing.signal]), peer: client }
    const before = network.tap?.arrived(life, name, request)
    const told = { server: life.process, life, client, method: name, request, before }
    const bent = network.bends.request?.(life, name, request) ?? request
    life.handling = name
    // A handler that throws at once has answered all the same.
    const answering = (async () => handler(bent, call))()
    life.handling = ''
    void answering.then(
      (response) => {
        if (!life.alive) return
        network.tap?.handled({ ...told, response, error: undefined })
        reply(method.responseType.encode(response).finish())
      },
      (error: unknown) => {
        if (!life.alive) return
        network.tap?.handled({ ...told, response: undefined, error })
        reply(bytes, errorOverWire(error))
      },
    )
  }

  /** The server learns that nobody waits any more: at once, or when it notices that the connection is gone. */
  #cancelThere(cancel: AbortController): void {
    const { scheduler, links } = this.#network
    const from = this.#life.process
    const to = this.#network.processAt(this.address)
    if (to === undefined) return
    const ms = links.passes(from, to) ? links.delayMs(from, to) : SILENCE_MS_MAX
    scheduler.after(ms, 'cancel', () => to.life?.deliver(() => cancel.abort(cutShort('the caller gave up'))))
  }
}
