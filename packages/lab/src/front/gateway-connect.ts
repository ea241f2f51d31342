import { bad, MORE } from './header.ts'
import type { Parsed } from './header.ts'

const VERB = 'CONNECT '
const END = '\r\n'
/** nats-server itself takes control lines of at most this many bytes. */
export const CONNECT_BYTES_MAX = 4096

/** The gateway that dials, by the first line that nats-server sends on a gateway connection: `CONNECT {"gateway":"a",…}`. */
export function parseGatewayConnect(bytes: Buffer): Parsed<string> {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, CONNECT_BYTES_MAX))
  if (!VERB.startsWith(text.slice(0, VERB.length))) return bad('not a CONNECT')
  const end = text.indexOf(END)
  if (end === -1) return bytes.length >= CONNECT_BYTES_MAX ? bad('CONNECT too long') : MORE
  try {
    const { gateway }: { gateway?: unknown } = JSON.parse(text.slice(VERB.length, end))
    return typeof gateway === 'string' && gateway !== ''
      ? { kind: 'done', value: gateway, length: end + END.length }
      : bad('no gateway')
  } catch {
    return bad('no JSON')
  }
}
