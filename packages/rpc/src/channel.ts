import type { MethodDefinition, RequestOf, ResponseOf, ServiceDefinition } from './definition.ts'

export interface UnaryOptions {
  /** After this the outcome is unknown, ms. Always given: no call waits for ever. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

export interface StreamOptions {
  readonly signal: AbortSignal
}

/** A way to one address, over which any number of calls go at once. Errors are MeridianErrors, as `fromServiceError` says. */
export interface Channel extends AsyncDisposable {
  readonly address: string
  unary<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    request: RequestOf<M>,
    options: UnaryOptions,
  ): Promise<ResponseOf<M>>
  stream<M extends MethodDefinition>(
    service: ServiceDefinition,
    method: M,
    request: RequestOf<M>,
    options: StreamOptions,
  ): AsyncIterable<ResponseOf<M>>
}

/** Methods of a service by name: unary ones return a promise, server streams an async iterable. */
export type ClientOf<S extends ServiceDefinition> = {
  readonly [K in keyof S['methods']]: S['methods'][K]['responseStream'] extends true
    ? (request: RequestOf<S['methods'][K]>, options: StreamOptions) => AsyncIterable<ResponseOf<S['methods'][K]>>
    : (request: RequestOf<S['methods'][K]>, options: UnaryOptions) => Promise<ResponseOf<S['methods'][K]>>
}

export function clientOf<S extends ServiceDefinition>(service: S, channel: Channel): ClientOf<S> {
  const methods = Object.entries(service.methods).map(([name, method]) => [
    name,
    method.responseStream
      ? (request: unknown, options: StreamOptions) => channel.stream(service, method, request, options)
      : (request: unknown, options: UnaryOptions) => channel.unary(service, method, request, options),
  ])
  // The mapped type says per method what the loop above does for all of them.
  return Object.fromEntries(methods) as ClientOf<S>
}
