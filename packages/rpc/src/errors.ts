import { Metadata, status } from '@grpc/grpc-js'
import type { ServiceError, StatusObject } from '@grpc/grpc-js'
import { decodeErrorDetails, encodeErrorDetails, ERROR_TABLE, errorOfStatus } from '@meridian/protocol'
import { isMeridianError, MeridianError } from '@meridian/topology'

const DETAILS_TRAILER = 'meridian-error-bin'
/** Longest message text sent to a peer, characters. */
const MESSAGE_CHARS_MAX = 1024

/** The status a thrown error becomes. An unforeseen one keeps its text to this side: it may name what a peer must not see. */
export function toStatus(error: unknown): Partial<StatusObject> {
  if (!isMeridianError(error)) return { code: status.INTERNAL, details: 'internal error; see the log of the server' }
  const metadata = new Metadata()
  metadata.set(DETAILS_TRAILER, Buffer.from(encodeErrorDetails(error)))
  return { code: ERROR_TABLE[error.code].grpc, details: error.message.slice(0, MESSAGE_CHARS_MAX), metadata }
}

/**
 * The error a failed call becomes, in this order:
 * 1. what the peer said in its trailer;
 * 2. UNAVAILABLE when no connection was ever made, so the request surely had no effect;
 * 3. OUTCOME_UNKNOWN for a deadline, a cut connection or an abort: the request may have reached the handler;
 * 4. the code that the bare status stands for.
 */
export function fromServiceError(error: ServiceError, address: string): MeridianError {
  const trailer = error.metadata?.get(DETAILS_TRAILER)[0]
  if (trailer instanceof Buffer) {
    const told = decodeErrorDetails(trailer, error.details)
    if (told !== undefined) return told
  }
  // grpc-js ends some details with the head of a note that it then leaves empty.
  const text = `${address}: ${error.details.replace(/ Resolution note: $/, '')}`
  if (error.code === status.UNAVAILABLE && neverConnected(error))
    return new MeridianError('UNAVAILABLE', text, { cause: error })
  return new MeridianError(errorOfStatus(error.code), text, { cause: error })
}

/**
 * grpc-js says with this one text that a call was failed by the load balancer before a connection existed. There is no
 * code for it; should a later version change the words, such calls become OUTCOME_UNKNOWN, which is safe and slower.
 */
function neverConnected(error: ServiceError): boolean {
  return error.details.startsWith('No connection established') || error.details.startsWith('Name resolution failed')
}
