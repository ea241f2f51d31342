import type { ClientDuplexStream } from '@grpc/grpc-js'
import type { Clock } from '@meridian/loop'
import type { IWatchRequest, IWatchResponse } from 'etcd3'
import type { Revision } from '@meridian/topology'
import type { EtcdCredentials } from './endpoint.ts'
import { EtcdEndpoint } from './endpoint.ts'
import type { KeySpan } from './records.ts'

/**
 * How long a response waits before it is read, ms. A commit is told of twice, to its caller and to the watches, at the
 * same moment and on two connections; what a watch sets off is a hundred times the work of an answer, and the same cores
 * have to carry the answer to the one who asked. Without the wait the way back of an answer took a millisecond longer at
 * the median than with it; to whom the watch tells, a global revision is a hundred milliseconds old already.
 */
const COURTESY_MS = 2
/**
 * How often a stream looks whether its reader has waited long enough, ms; by so much a reader may be told late. A timer
 * per wait, stopped with each response, took more time than the responses.
 */
const TICK_MS = 250

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
  #wake: (() => void) | undefined
  /** Until when the reader waits, of `#clock`; absent while nobody reads. */
  #untilMs: number | undefined
  readonly #ended = new AbortController()

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
      this.#wake?.()
    })
    const fail = (error: unknown): void => {
      this.#failure ??= error
      this.#wake?.()
    }
    stream.on('error', fail)
    stream.on('end', () => fail(new Error('the server ended the stream')))
    // Also for a reader that never comes back to hear of it.
    signal.addEventListener('abort', this.#onAbort, { once: true })
    void this.#tick()
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
    signal.throwIfAborted()
    if (this.#queue.length === 0 && this.#failure === undefined) await this.#arrival(timeoutMs)
    // Whoever is behind has waited long enough.
    if (this.#queue.length === 1) await this.#clock.sleep(COURTESY_MS, signal)
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
    this.#ended.abort()
    this.#wake?.()
    this.#stream.cancel()
    this.#endpoint.close()
  }

  /** Of a response, of a failure, of an end, or of the end of the time. */
  async #arrival(timeoutMs: number): Promise<void> {
    this.#untilMs = this.#clock.nowMs() + timeoutMs
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
    this.#untilMs = undefined
  }

  /** Wakes a reader whose time is up. */
  async #tick(): Promise<void> {
    const { signal } = this.#ended
    while (!signal.aborted) {
      if (this.#untilMs !== undefined && this.#clock.nowMs() >= this.#untilMs) this.#wake?.()
      await this.#clock.sleep(TICK_MS, signal).catch(() => {})
    }
  }
}
