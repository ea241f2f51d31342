import { createHash } from 'node:crypto'

/** Longest value that is written down as it is, bytes. */
const PLAIN_BYTES_MAX = 48
const PLAIN = /^[\x20-\x7e]*$/

/** What stands for a value in a history: itself when short and printable, else a digest. Never empty. */
export function valueMark(value: Uint8Array): string {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  if (bytes.length <= PLAIN_BYTES_MAX) {
    const text = bytes.toString('latin1')
    if (PLAIN.test(text)) return `=${text}`
  }
  return `sha256:${createHash('sha256').update(bytes).digest('hex').slice(0, 24)}`
}
