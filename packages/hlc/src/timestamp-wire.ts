import { MalformedTimestampError } from './errors.ts'
import { ORIGIN_LENGTH_MAX, assertTimestamp, isOrigin } from './timestamp.ts'
import type { Timestamp } from './timestamp.ts'

const NUMBER_BYTES = 8
const TWO_POW_32 = 2 ** 32

/**
 * 6 bytes of milliseconds and 2 of counter, big-endian, then the origin in ASCII: 9 to 40 bytes, which compare byte by
 * byte like the timestamps. The length is not part of it: the carrier delimits.
 */
export function encodeTimestamp(t: Timestamp): Uint8Array {
  assertTimestamp(t)
  const bytes = new Uint8Array(NUMBER_BYTES + t.origin.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, Math.floor(t.wallMs / TWO_POW_32))
  view.setUint32(2, t.wallMs % TWO_POW_32)
  view.setUint16(6, t.counter)
  for (let i = 0; i < t.origin.length; i++) bytes[NUMBER_BYTES + i] = t.origin.charCodeAt(i)
  return bytes
}

/** Accepts exactly what `encodeTimestamp` writes; else `MalformedTimestampError`. Copies: the input may be reused. */
export function decodeTimestamp(bytes: Uint8Array): Timestamp {
  if (bytes.length <= NUMBER_BYTES || bytes.length > NUMBER_BYTES + ORIGIN_LENGTH_MAX) {
    throw new MalformedTimestampError(`${bytes.length} bytes`, 'expected 9 to 40 bytes')
  }
  const origin = String.fromCharCode(...bytes.subarray(NUMBER_BYTES))
  if (!isOrigin(origin)) throw new MalformedTimestampError(origin, 'origin is not of [a-z0-9-]{1,32}')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { wallMs: view.getUint16(0) * TWO_POW_32 + view.getUint32(2), counter: view.getUint16(6), origin }
}
