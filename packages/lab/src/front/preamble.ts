import { parsePort } from '../wan-name.ts'
import { bad, MORE } from './header.ts'
import type { Parsed } from './header.ts'

/** Where a tunnel ends: a listener of the target region, by the name the source asked for. */
export interface Destination {
  readonly host: string
  readonly port: number
}

/** First line of every connection over a link; it makes one proxy per pair of regions enough for all listeners. */
const VERB = 'MERIDIAN/1 '
export const PREAMBLE_BYTES_MAX = 256

export function encodePreamble(to: Destination): Buffer {
  const line = Buffer.from(`${VERB}${to.host}:${to.port}\n`, 'latin1')
  if (line.length > PREAMBLE_BYTES_MAX) throw new Error(`assertion: preamble of ${line.length} bytes`)
  return line
}

export function parsePreamble(bytes: Buffer): Parsed<Destination> {
  const head = bytes.toString('latin1', 0, Math.min(bytes.length, PREAMBLE_BYTES_MAX))
  if (!VERB.startsWith(head.slice(0, VERB.length))) return bad('not a preamble')
  const end = head.indexOf('\n')
  if (end === -1) return bytes.length >= PREAMBLE_BYTES_MAX ? bad('preamble too long') : MORE
  const destination = parseAuthority(head.slice(VERB.length, end))
  return destination === undefined
    ? bad('no host:port in the preamble')
    : { kind: 'done', value: destination, length: end + 1 }
}

/** Longest host that still fits a preamble with its port; also the bound on names accepted at an egress. */
export const HOST_LENGTH_MAX = PREAMBLE_BYTES_MAX - VERB.length - ':65535\n'.length

/** `host:port` of printable characters without blanks; undefined for anything else. */
export function parseAuthority(text: string): Destination | undefined {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, Math.max(colon, 0))
  const port = parsePort(text.slice(colon + 1))
  if (port === undefined || host.length > HOST_LENGTH_MAX || !/^[\x21-\x7e]+$/.test(host)) return undefined
  return { host, port }
}
