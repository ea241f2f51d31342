import { ERROR_CODES, MeridianError } from '@meridian/topology'
import type { ErrorCode } from '@meridian/topology'

/** Details that cross the wire, at most; the rest is cut, because trailers are bounded. */
const DETAILS_BYTES_MAX = 4096

/** What goes into the binary trailer `meridian-error-bin` beside the gRPC status. */
export function encodeErrorDetails(error: MeridianError): Uint8Array {
  const text = JSON.stringify({ code: error.code, details: error.details })
  const bytes = Buffer.from(text)
  return bytes.length <= DETAILS_BYTES_MAX ? bytes : Buffer.from(JSON.stringify({ code: error.code, details: {} }))
}

/** Undefined when the bytes are not ours or name a code this build does not know. */
export function decodeErrorDetails(bytes: Uint8Array, message: string): MeridianError | undefined {
  if (bytes.length > DETAILS_BYTES_MAX) return undefined
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    // A peer of another make: the bare status will have to do.
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null || !('code' in parsed) || typeof parsed.code !== 'string')
    return undefined
  const code = ERROR_CODES.find((known) => known === parsed.code)
  if (code === undefined) return undefined
  return new MeridianError(code satisfies ErrorCode, message, {
    details: stringsOf('details' in parsed ? parsed.details : undefined),
  })
}

function stringsOf(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}
