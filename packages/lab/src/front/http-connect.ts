import { bad, MORE } from './header.ts'
import type { Parsed } from './header.ts'
import { parseAuthority } from './preamble.ts'
import type { Destination } from './preamble.ts'

/** grpc-js sends a request line and a Host; credentials or traces in headers must not push it over. */
export const CONNECT_BYTES_MAX = 8_192

export const HTTP_ESTABLISHED = Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n', 'latin1')
export const HTTP_BAD_REQUEST = refusal('400 Bad Request')
export const HTTP_BAD_GATEWAY = refusal('502 Bad Gateway')

function refusal(status: string): Buffer {
  return Buffer.from(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, 'latin1')
}

/** The request line decides; headers are skipped, because nothing in them could change where the tunnel ends. */
export function parseConnect(bytes: Buffer): Parsed<Destination> {
  const end = bytes.indexOf('\r\n\r\n')
  if (end === -1) return MORE
  const requestLine = bytes.toString('latin1', 0, bytes.indexOf('\r\n'))
  const match = /^CONNECT (\S+) HTTP\/1\.[01]$/.exec(requestLine)
  const destination = match?.[1] === undefined ? undefined : parseAuthority(match[1])
  return destination === undefined
    ? bad('not a CONNECT of host:port')
    : { kind: 'done', value: destination, length: end + 4 }
}
