import { SESSION_RUN_BYTES } from '../replica/session-table.ts'
import type { SessionRecord, SessionRun } from '../replica/session-table.ts'

const HEADER_BYTES = 16

/** A session's window as one value: touched, floor, then (first, last, index) per run, 64 bits each. */
export function encodeSession(record: SessionRecord): Uint8Array {
  const bytes = Buffer.alloc(HEADER_BYTES + SESSION_RUN_BYTES * record.runs.length)
  bytes.writeBigInt64BE(BigInt(record.touched), 0)
  bytes.writeBigInt64BE(record.floor, 8)
  let at = HEADER_BYTES
  for (const run of record.runs) {
    bytes.writeBigInt64BE(run.first, at)
    bytes.writeBigInt64BE(run.last, at + 8)
    bytes.writeBigInt64BE(BigInt(run.index), at + 16)
    at += SESSION_RUN_BYTES
  }
  return bytes
}

export function decodeSession(session: string, payload: Uint8Array): SessionRecord {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength)
  if (bytes.length < HEADER_BYTES || (bytes.length - HEADER_BYTES) % SESSION_RUN_BYTES !== 0)
    throw new Error(`stored session ${session} does not decode`)
  const runs: SessionRun[] = []
  for (let at = HEADER_BYTES; at < bytes.length; at += SESSION_RUN_BYTES) {
    runs.push({
      first: bytes.readBigInt64BE(at),
      last: bytes.readBigInt64BE(at + 8),
      index: Number(bytes.readBigInt64BE(at + 16)),
    })
  }
  return { session, touched: Number(bytes.readBigInt64BE(0)), floor: bytes.readBigInt64BE(8), runs }
}
