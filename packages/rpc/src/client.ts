import { Client, credentials, Metadata } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'
import { MeridianError } from '@meridian/topology'
import type { Channel, StreamOptions, UnaryOptions } from './channel.ts'
import { methodPath } from './definition.ts'
import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from './definition.ts'
import { fromServiceError } from './errors.ts'
import { FLOW_CONTROL_WINDOW_BYTES, KEEPALIVE_MS, KEEPALIVE_TIMEOUT_MS, MESSAGE_BYTES_MAX } from './limits.ts'
import type { Via } from './transport.ts'

/**
 * One HTTP/2 connection to `address`, made when first used and remade after a loss. Honours `grpc_proxy` and
 * `no_grpc_proxy` of the environment, through which a deployment may route what leaves its region.
 */
export class GrpcChannel implements Channel {
  readonly address: string
  readonly #client: Client

  constructor(address: string, via: Via = {}) {
    this.address = address
    this.#client = new Client(via.proxy ?? via.dial ?? address, credentials.createInsecure(), {
      // What grpc-js itself sets when the environment names a proxy.
      ...(via.proxy === undefined ? {} : { 'grpc.http_connect_target': `dns:${address}`, 'grpc.enable_http_proxy': 0 }),
      'grpc.default_authority': address,
      'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
      'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.min_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      // The retries of the transport would hide from us that a request was sent.
      'grpc.enable_retries': 0,
      'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
    })
  }

  unary<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    request: RequestOf<M>,
    options: UnaryOptions,
  ): Promise<ResponseOf<M>> {
    return new Promise((resolve, reject) => {
      if (options.signal?.aborted === true) {
        reject(new MeridianError('UNAVAILABLE', `${this.address}: not sent, the caller had given up`))
        return
      }
      const call = this.#client.makeUnaryRequest(
        methodPath(service, method),
        (message: RequestOf<M>) => asBuffer(method.requestType.encode(message).finish()),
        (bytes: Buffer): ResponseOf<M> => method.responseType.decode(bytes),
        request,
        new Metadata(),
        { deadline: Date.now() + options.timeoutMs },
        (error: ServiceError | null, response?: ResponseOf<M>) => {
          options.signal?.removeEventListener('abort', abort)
          if (error !== null) reject(fromServiceError(error, this.address))
          else if (response === undefined) reject(new MeridianError('INTERNAL', `${this.address}: empty answer`))
          else resolve(response)
        },
      )
      const abort = () => call.cancel()
      options.signal?.addEventListener('abort', abort, { once: true })
    })
  }

  async *stream<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    request: RequestOf<M>,
    options: StreamOptions,
  ): AsyncGenerator<ResponseOf<M>> {
    options.signal.throwIfAborted()
    const call = this.#client.makeServerStreamRequest(
      methodPath(service, method),
      (message: RequestOf<M>) => asBuffer(method.requestType.encode(message).finish()),
      (bytes: Buffer): ResponseOf<M> => method.responseType.decode(bytes),
      request,
      new Metadata(),
    )
    const abort = () => call.cancel()
    options.signal.addEventListener('abort', abort, { once: true })
    try {
      for await (const message of call) yield message
    } catch (error) {
      throw isServiceError(error) ? fromServiceError(error, this.address) : error
    } finally {
      options.signal.removeEventListener('abort', abort)
      call.cancel()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#client.close()
    return Promise.resolve()
  }
}

export function openChannel(address: string): Channel {
  return new GrpcChannel(address)
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
