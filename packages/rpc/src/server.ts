import { setMaxListeners } from 'node:events'
import { Server, ServerCredentials } from '@grpc/grpc-js'
import type { sendUnaryData, ServerUnaryCall, ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js'
import type { Logger } from '@meridian/loop'
import { isMeridianError, MeridianError } from '@meridian/topology'
import { CutShort, cutShort } from './cut-short.ts'
import { methodPath } from './definition.ts'
import type { MethodDefinition } from './definition.ts'
import { toStatus } from './errors.ts'
import { CONCURRENT_CALLS_MAX, FLOW_CONTROL_WINDOW_BYTES, MESSAGE_BYTES_MAX } from './limits.ts'
import { healthService } from './health.ts'
import { addReflection } from './reflection.ts'
import type { AnyHandler, Service } from './service.ts'
import type { RpcServer, ServeOptions } from './transport.ts'

/** @throws MeridianError PORT_IN_USE when the address cannot be bound */
export async function serve(options: ServeOptions): Promise<RpcServer> {
  const server = new Server({
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_send_message_length': MESSAGE_BYTES_MAX,
    'grpc.max_concurrent_streams': CONCURRENT_CALLS_MAX,
    'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
  })
  const closing = new AbortController()
  // Every call under way listens to it.
  setMaxListeners(0, closing.signal)
  for (const service of options.services) {
    const { definitions, implementation } = bind(service, options.log, closing.signal)
    server.addService(definitions, implementation)
  }
  const names = options.services.map((service) => service.definition.fullName)
  const health = healthService(names)
  health.addTo(server)
  if (options.protoDir !== undefined) addReflection(server, options.protoDir, names)
  const port = await bindAddress(server, options.listen)
  const host = options.listen.slice(0, options.listen.lastIndexOf(':'))
  health.setServing(true)
  let closed: Promise<void> | undefined
  return {
    address: `${host}:${port}`,
    setServing: (serving) => health.setServing(serving),
    [Symbol.asyncDispose]: () =>
      (closed ??= drain(server, closing, options.drainMs ?? 2000, () => health.setServing(false))),
  }
}

async function drain(server: Server, closing: AbortController, drainMs: number, announce: () => void): Promise<void> {
  announce()
  await new Promise<void>((resolve) => {
    const cut = setTimeout(() => {
      closing.abort(cutShort('the server is shutting down'))
      server.forceShutdown()
      resolve()
    }, drainMs)
    server.tryShutdown(() => {
      clearTimeout(cut)
      closing.abort(cutShort('the server is shutting down'))
      resolve()
    })
  })
}

function bindAddress(server: Server, listen: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(listen, ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port)
      else
        reject(
          new MeridianError('PORT_IN_USE', `cannot listen on ${listen}: ${error.message}`, {
            details: { address: listen },
            cause: error,
          }),
        )
    })
  })
}

function bind(service: Service, log: Logger, closing: AbortSignal) {
  const definitions: Record<string, object> = {}
  const implementation: UntypedServiceImplementation = {}
  for (const [name, method] of Object.entries(service.definition.methods)) {
    const handler = service.handlers[name]
    if (handler === undefined) throw new Error(`${service.definition.fullName} has no handler for ${name}`)
    definitions[name] = {
      path: methodPath(service.definition, method),
      requestStream: method.requestStream,
      responseStream: method.responseStream,
      ...serializers(method),
    }
    implementation[name] = method.responseStream
      ? (call: ServerWritableStream<unknown, unknown>) => void answerStream(call, handler, name, log, closing)
      : (call: ServerUnaryCall<unknown, unknown>, reply: sendUnaryData<unknown>) =>
          void answerUnary(call, reply, handler, name, log, closing)
  }
  // grpc-js's own definition type, built field by field above.
  return { definitions: definitions as Parameters<Server['addService']>[0], implementation }
}

function serializers(method: MethodDefinition) {
  const encode = (type: MethodDefinition['requestType']) => (message: unknown) => {
    const bytes = type.encode(message).finish()
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
  return {
    requestSerialize: encode(method.requestType),
    requestDeserialize: (bytes: Buffer): unknown => method.requestType.decode(bytes),
    responseSerialize: encode(method.responseType),
    responseDeserialize: (bytes: Buffer): unknown => method.responseType.decode(bytes),
  }
}

async function answerUnary(
  call: ServerUnaryCall<unknown, unknown>,
  reply: sendUnaryData<unknown>,
  handler: AnyHandler,
  name: string,
  log: Logger,
  closing: AbortSignal,
): Promise<void> {
  using cut = new CutShort(call, closing)
  try {
    const response = await handler(call.request, { signal: cut.signal, peer: call.getPeer() })
    reply(null, response)
  } catch (error) {
    note(error, name, log)
    reply(toStatus(error))
  }
}

async function answerStream(
  call: ServerWritableStream<unknown, unknown>,
  handler: AnyHandler,
  name: string,
  log: Logger,
  closing: AbortSignal,
): Promise<void> {
  using cut = new CutShort(call, closing)
  const { signal } = cut
  try {
    const responses = handler(call.request, { signal, peer: call.getPeer() })
    if (!(Symbol.asyncIterator in responses)) throw new Error(`${name} is a stream and its handler returned none`)
    for await (const response of responses) {
      if (signal.aborted) break
      if (!call.write(response)) await drained(call, signal)
    }
    call.end()
  } catch (error) {
    if (signal.aborted) {
      call.end()
      return
    }
    note(error, name, log)
    const status = toStatus(error)
    call.emit('error', Object.assign(new Error(status.details), status))
  }
}

function drained(call: ServerWritableStream<unknown, unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      call.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    call.once('drain', done)
    signal.addEventListener('abort', done, { once: true })
  })
}

function note(error: unknown, method: string, log: Logger): void {
  if (isMeridianError(error)) log.debug({ method, code: error.code, text: error.message }, 'call refused')
  else log.error({ method, err: error }, 'call failed')
}
