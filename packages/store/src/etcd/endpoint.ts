import type { Client, ClientDuplexStream, ServiceError } from '@grpc/grpc-js'
import { connectivityState, credentials as grpcCredentials, Metadata } from '@grpc/grpc-js'
import { Host } from 'etcd3/lib/connection-pool.js'

export type Service = 'KV' | 'Watch' | 'Lease' | 'Maintenance' | 'Cluster'

/** PEM of mutual TLS; all endpoints must then be https. */
export interface EtcdCredentials {
  readonly rootCertificate: Buffer
  readonly privateKey?: Buffer
  readonly certChain?: Buffer
}

/** No connection in time, so nothing was sent: the one failure after which a write may go elsewhere. */
export class NotConnected extends Error {
  override readonly name = 'NotConnected'
}

/**
 * etcd closes connections that ping more often than every 5 s. A connection that is dead without a word is found dead
 * after the two together; the receive limit is off because a watch's backlog comes in messages of any size.
 */
const CHANNEL_OPTIONS = {
  'grpc.max_receive_message_length': -1,
  'grpc.keepalive_time_ms': 5000,
  'grpc.keepalive_timeout_ms': 2000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.enable_retries': 0,
}

interface Cancellable {
  cancel(): void
}

/** The methods etcd3 makes from its proto files when it is loaded. */
interface GeneratedClient {
  readonly [method: string]: (
    request: object,
    metadata: Metadata,
    options: { deadline: Date },
    done: (error: ServiceError | null, response: unknown) => void,
  ) => Cancellable
}
interface GeneratedStreamClient {
  readonly [method: string]: (metadata: Metadata, options: { deadline?: Date }) => ClientDuplexStream<object, unknown>
}

export interface CallOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Have a member without a leader refuse at once instead of waiting for one. */
  readonly requireLeader: boolean
}

/**
 * One server through etcd3's `Host`, which makes clients from its proto files and keeps them. Calls go to those clients
 * directly: past etcd3's pool, which retries writes and picks servers at random, past its circuit breakers, and past
 * its typed errors, which drop the status code.
 */
export class EtcdEndpoint {
  readonly url: string
  readonly #host: Host
  readonly #open = new Set<Cancellable>()

  /** @param ownConnection Not shared with any other object of this process, and closed for certain with this one. */
  constructor(url: string, credentials: EtcdCredentials | undefined, ownConnection: boolean) {
    this.url = url
    this.#host = new Host(url, channelCredentials(url, credentials), {
      ...CHANNEL_OPTIONS,
      ...(ownConnection ? { 'grpc.use_local_subchannel_pool': 1 } : {}),
    })
  }

  /** Resolves when there is a connection; throws NotConnected, or the signal's reason. */
  async connect(service: Service, timeoutMs: number, signal?: AbortSignal): Promise<void> {
    const channel = this.#client(service).getChannel()
    // gRPC takes deadlines of the wall clock only.
    const deadline = new Date(Date.now() + timeoutMs)
    for (;;) {
      signal?.throwIfAborted()
      const state = channel.getConnectivityState(true)
      if (state === connectivityState.READY) return
      if (state === connectivityState.TRANSIENT_FAILURE || state === connectivityState.SHUTDOWN) {
        throw new NotConnected(`no connection to ${this.url}`)
      }
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => resolve()
        signal?.addEventListener('abort', onAbort, { once: true })
        channel.watchConnectivityState(state, deadline, (error) => {
          signal?.removeEventListener('abort', onAbort)
          if (error === undefined) resolve()
          else reject(new NotConnected(`no connection to ${this.url} in ${timeoutMs} ms`))
        })
      })
    }
  }

  async unary<Response>(service: Service, method: string, request: object, options: CallOptions): Promise<Response> {
    const client = this.#client(service)
    const metadata = new Metadata()
    if (options.requireLeader) metadata.set('hasleader', 'true')
    options.signal?.throwIfAborted()
    return new Promise((resolve, reject) => {
      // The class is made at run time; its methods are those of the proto file, which @types cannot see.
      const call = (client as unknown as GeneratedClient)[method]?.(
        request,
        metadata,
        { deadline: new Date(Date.now() + options.timeoutMs) },
        (error, response) => {
          options.signal?.removeEventListener('abort', onAbort)
          if (call !== undefined) this.#open.delete(call)
          // What arrives is what the proto says, and `Response` is its type as etcd3 declares it.
          if (error === null) resolve(response as Response)
          else reject(error)
        },
      )
      const onAbort = (): void => call?.cancel()
      if (call === undefined) return reject(new Error(`etcd has no ${service}.${method}`))
      this.#open.add(call)
      options.signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  /** The caller listens for 'error' at once, and cancels the stream when done with it. */
  stream<Request extends object, Response>(
    service: Service,
    method: string,
    options: { readonly timeoutMs?: number },
  ): ClientDuplexStream<Request, Response> {
    const client = this.#client(service)
    const metadata = new Metadata()
    metadata.set('hasleader', 'true')
    const { timeoutMs } = options
    // As above.
    const stream = (client as unknown as GeneratedStreamClient)[method]?.(
      metadata,
      timeoutMs === undefined ? {} : { deadline: new Date(Date.now() + timeoutMs) },
    )
    if (stream === undefined) throw new Error(`etcd has no ${service}.${method}`)
    this.#open.add(stream)
    stream.on('close', () => this.#open.delete(stream))
    return stream as ClientDuplexStream<Request, Response>
  }

  close(): void {
    for (const call of this.#open) call.cancel()
    this.#host.close()
  }

  #client(service: Service): Client {
    return this.#host.getServiceClient(service)
  }
}

function channelCredentials(url: string, credentials: EtcdCredentials | undefined) {
  if (!url.startsWith('https:')) return grpcCredentials.createInsecure()
  return grpcCredentials.createSsl(credentials?.rootCertificate, credentials?.privateKey, credentials?.certChain)
}
