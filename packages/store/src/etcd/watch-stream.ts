import type { ClientDuplexStream } from '@grpc/grpc-js'
import type { Clock } from '@meridian/loop'
import type { IWatchRequest, IWatchResponse } from 'etcd3'
import type { Revision } from '@meridian/topology'
import type { EtcdCredentials } from './endpoint.ts'
import { EtcdEndpoint } from './endpoint.ts'
import type { KeySpan } from './records.ts'

/** Responses held for a slow reader before the connection is asked to wait. */
const QUEUE_LENGTH_MAX = 16

/**
 * One watch on one stream on one connection of its own, which dies with it: replacing a stream that went silent would
 * otherwise put the next one on the same dead connection, and a long backlog would delay everybody else's answers.
 */
export class WatchStream implements Disposable {
  readonly #endpoint: EtcdEndpoint
  readonly #stream: ClientDuplexStream<IWatchRequest, IWatchResponse>
  readonly #clock: Clock
  readonly #signal: AbortSignal
  readonly #onAbort = (): void => this[Symbol.dispose]()
  readonly #queue: IWatchResponse[] = []
  #failure: unknown
  #wake: () => void = () => {}

  private constructor(
    endpoint: EtcdEndpoint,
    stream: ClientDuplexStream<IWatchRequest, IWatchResponse>,
    clock: Clock,
    signal: AbortSignal,
  ) {
    this.#signal = signal
    this.#endpoint = endpoint
    this.#stream = stream
    this.#clock = clock
    stream.on('data', (response: IWatchResponse) => {
      this.#queue.push(response)
      if (this.#queue.length >= QUEUE_LENGTH_MAX) stream.pause()
      this.#wake()
    })
    const fail = (error: unknown): void => {
      this.#failure ??= error
      this.#wake()
    }
    stream.on('error', fail)
    stream.on('end', () => fail(new Error('the server ended the stream')))
    // Also for a reader that never comes back to hear of it.
    signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  static async open(
    url: string,
    credentials: EtcdCredentials | undefined,
    span: KeySpan,
    fromRevision: Revision,
    connectTimeoutMs: number,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<WatchStream> {
    const endpoint = new EtcdEndpoint(url, credentials, true)
    try {
      await endpoint.connect('Watch', connectTimeoutMs, signal)
      const watch = new WatchStream(endpoint, endpoint.stream('Watch', 'watch', {}), clock, signal)
      watch.#stream.write({
        create_request: { ...span, start_revision: String(fromRevision), progress_notify: true, fragment: true },
      })
      return watch
    } catch (error) {
      endpoint.close()
      throw error
    }
  }

  /** The next response; undefined after `timeoutMs` without one. Throws what ended the stream once all is read. */
  async next(timeoutMs: number, signal: AbortSignal): Promise<IWatchResponse | undefined> {
    if (this.#queue.length === 0 && this.#failure === undefined) await this.#arrival(timeoutMs, signal)
    signal.throwIfAborted()
    const response = this.#queue.shift()
    if (response !== undefined) {
      if (this.#stream.isPaused() && this.#queue.length === 0) this.#stream.resume()
      return response
    }
    if (this.#failure !== undefined) throw this.#failure
    return undefined
  }

  requestProgress(): void {
    this.#stream.write({ progress_request: {} })
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#stream.cancel()
    this.#endpoint.close()
  }

  async #arrival(timeoutMs: number, signal: AbortSignal): Promise<void> {
    const timer = new AbortController()
    const late = this.#clock.sleep(timeoutMs, AbortSignal.any([signal, timer.signal])).catch((error: unknown) => {
      if (!signal.aborted && !timer.signal.aborted) throw error
    })
    const arrived = new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    try {
      await Promise.race([late, arrived])
    } finally {
      timer.abort()
      this.#wake = () => {}
    }
  }
}
