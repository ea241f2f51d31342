/** The shape of what the generator makes of a proto service. */
export interface MessageType<T> {
  encode(message: T): { finish(): Uint8Array }
  decode(bytes: Uint8Array): T
}

export interface MethodDefinition {
  readonly name: string
  // The generator's types are exact per method; `any` is only the bound under which each of them fits.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly requestType: MessageType<any>
  readonly requestStream: boolean
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly responseType: MessageType<any>
  readonly responseStream: boolean
}

export interface ServiceDefinition {
  readonly fullName: string
  readonly methods: Readonly<Record<string, MethodDefinition>>
}

export type RequestOf<M extends MethodDefinition> = M['requestType'] extends MessageType<infer T> ? T : never
export type ResponseOf<M extends MethodDefinition> = M['responseType'] extends MessageType<infer T> ? T : never

export function methodPath(service: ServiceDefinition, method: MethodDefinition): string {
  return `/${service.fullName}/${method.name}`
}
