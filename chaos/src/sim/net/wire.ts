import { decodeErrorDetails, encodeErrorDetails } from '@meridian/protocol'
import type { MethodDefinition, ServiceDefinition } from '@meridian/rpc'
import { isMeridianError, MeridianError } from '@meridian/topology'

/** A connection over which nothing came for this long is given up by both ends, as gRPC's keep-alive has it. */
export const SILENCE_MS_MAX = 7000

export const cutShort = (why: string): MeridianError =>
  new MeridianError('OUTCOME_UNKNOWN', `${why}; the call may have had its effect`)

interface Names {
  /** `Service/Method` */
  readonly name: string
  /** What handlers and generated clients call it. */
  readonly member: string
}

const known = new WeakMap<MethodDefinition, Names>()

export function namesOf(service: ServiceDefinition, method: MethodDefinition): Names {
  let names = known.get(method)
  if (names === undefined) {
    const found = Object.entries(service.methods).find(([, each]) => each === method)
    if (found === undefined) throw new Error(`assertion: ${service.fullName} has no method ${method.name}`)
    const short = service.fullName.slice(service.fullName.lastIndexOf('.') + 1)
    names = { name: `${short}/${method.name}`, member: found[0] }
    known.set(method, names)
  }
  return names
}

/** Through the wire: what the other side makes of an error. */
export function errorOverWire(error: unknown): MeridianError {
  if (!isMeridianError(error)) return new MeridianError('INTERNAL', 'internal error; see the log of the server')
  return decodeErrorDetails(encodeErrorDetails(error), error.message) ?? new MeridianError('INTERNAL', error.message)
}
