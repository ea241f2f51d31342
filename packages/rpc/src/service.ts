import type { RequestOf, ResponseOf, ServiceDefinition } from './definition.ts'

export interface Call {
  /** Aborts when the caller gave up, its deadline passed or the server drains past its patience. */
  readonly signal: AbortSignal
  readonly peer: string
}

export type HandlersOf<S extends ServiceDefinition> = {
  readonly [K in keyof S['methods']]: S['methods'][K]['responseStream'] extends true
    ? (request: RequestOf<S['methods'][K]>, call: Call) => AsyncIterable<ResponseOf<S['methods'][K]>>
    : (request: RequestOf<S['methods'][K]>, call: Call) => Promise<ResponseOf<S['methods'][K]>>
}

export type AnyHandler = (request: unknown, call: Call) => Promise<unknown> | AsyncIterable<unknown>

/** A proto service with the code behind it. */
export interface Service {
  readonly definition: ServiceDefinition
  readonly handlers: Readonly<Record<string, AnyHandler>>
}

export function implement<S extends ServiceDefinition>(definition: S, handlers: HandlersOf<S>): Service {
  // Handlers are called only with what their own method's decoder made.
  return { definition, handlers: handlers as unknown as Service['handlers'] }
}
