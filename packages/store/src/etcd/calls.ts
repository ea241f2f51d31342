import type { Clock, Logger } from '@meridian/loop'
import { MeridianError } from '@meridian/topology'
import { AnswerNotNeeded } from '../answer-not-needed.ts'
import type { EtcdEndpoint, Service } from './endpoint.ts'
import { NotConnected } from './endpoint.ts'
import type { Endpoints } from './endpoints.ts'
import { asReadError, asWriteError, verdictOf } from './errors.ts'

/** Longest wait for a connection to one server before another is tried, while there is another. */
const CONNECT_TIMEOUT_MS = 1500

export interface CallContext {
  readonly endpoints: Endpoints
  readonly clock: Clock
  readonly log: Logger
  readonly requestTimeoutMs: number
  /** Aborts when the store is closed. */
  readonly closed: AbortSignal
}

/** One attempt at one server; `signal` and `timeoutMs` bound it. */
export type Attempt<T> = (
  endpoint: EtcdEndpoint,
  bounds: { readonly timeoutMs: number; readonly signal: AbortSignal },
) => Promise<T>

/** Tries server after server until one answers, within one deadline for all. */
export async function read<T>(
  context: CallContext,
  what: string,
  service: Service,
  attempt: Attempt<T>,
  signal?: AbortSignal,
): Promise<T> {
  const { endpoints, log } = context
  const bounds = new Bounds(context, signal)
  let failure: unknown
  const order = endpoints.order()
  for (const [index, endpoint] of order.entries()) {
    if (bounds.leftMs() <= 0) break
    // Half of what is left, so that a silent server leaves time for another.
    const timeoutMs = index === order.length - 1 ? bounds.leftMs() : bounds.leftMs() / 2
    try {
      await endpoint.connect(service, Math.min(timeoutMs, CONNECT_TIMEOUT_MS), bounds.signal)
      const answer = await attempt(endpoint, { timeoutMs, signal: bounds.signal })
      endpoints.answered(endpoint)
      return answer
    } catch (error) {
      bounds.throwIfEnded()
      const unanswered = error instanceof NotConnected || verdictOf(error) === 'unanswered'
      if (!unanswered) throw asReadError(error, what)
      endpoints.failed(endpoint)
      log.debug({ err: error, endpoint: endpoint.url, what }, 'etcd read failed')
      failure = error
    }
  }
  throw asReadError(failure, what)
}

/** Sent to one server at most: whatever happens after that is the caller's to find out. */
export async function write<T>(
  context: CallContext,
  what: string,
  service: Service,
  attempt: Attempt<T>,
  signal?: AbortSignal,
): Promise<T> {
  const bounds = new Bounds(context, signal)
  const endpoint = await connected(context, what, service, bounds)
  bounds.throwIfEnded()
  try {
    const answer = await attempt(endpoint, { timeoutMs: Math.max(1, bounds.leftMs()), signal: bounds.signal })
    context.endpoints.answered(endpoint)
    return answer
  } catch (error) {
    // A caller that gave up waiting is a sign too; at worst the next call takes a longer way.
    const isSign = !context.closed.aborted && !(signal?.reason instanceof AnswerNotNeeded)
    if (verdictOf(error) === 'unanswered' && isSign) context.endpoints.failed(endpoint)
    throw asWriteError(error, what)
  }
}

async function connected(context: CallContext, what: string, service: Service, bounds: Bounds): Promise<EtcdEndpoint> {
  let failure: unknown
  for (const endpoint of context.endpoints.order()) {
    if (bounds.leftMs() <= 0) break
    try {
      await endpoint.connect(service, Math.min(bounds.leftMs(), CONNECT_TIMEOUT_MS), bounds.signal)
      return endpoint
    } catch (error) {
      bounds.throwIfEnded()
      context.endpoints.failed(endpoint)
      failure = error
    }
  }
  throw new MeridianError('UNAVAILABLE', `No etcd server could be reached for ${what}; nothing was sent.`, {
    cause: failure,
  })
}

/** The time left for one call of ours, and what ends it early. */
class Bounds {
  readonly signal: AbortSignal
  readonly #context: CallContext
  readonly #caller: AbortSignal | undefined
  readonly #untilMs: number

  constructor(context: CallContext, caller: AbortSignal | undefined) {
    this.#context = context
    this.#caller = caller
    this.#untilMs = context.clock.nowMs() + context.requestTimeoutMs
    this.signal = caller === undefined ? context.closed : AbortSignal.any([caller, context.closed])
    this.throwIfEnded()
  }

  leftMs(): number {
    return this.#untilMs - this.#context.clock.nowMs()
  }

  throwIfEnded(): void {
    this.#caller?.throwIfAborted()
    if (this.#context.closed.aborted) throw new MeridianError('UNAVAILABLE', 'The store is closed.')
  }
}
