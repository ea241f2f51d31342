import { bad, MORE } from './header.ts'
import type { Parsed } from './header.ts'
import { HOST_LENGTH_MAX } from './preamble.ts'
import type { Destination } from './preamble.ts'

/** RFC 1928, the part that a client without authentication needs: CONNECT by name or IPv4 address. */
export const SOCKS_VERSION = 5
/** Version, method count and 255 methods; or version, command, 0, type, length, 255 characters, port. */
export const SOCKS_BYTES_MAX = 262

export const SOCKS_REPLY = {
  ok: 0x00,
  failure: 0x01,
  hostUnreachable: 0x04,
  refused: 0x05,
  commandUnsupported: 0x07,
  addressUnsupported: 0x08,
} as const
export type SocksReply = (typeof SOCKS_REPLY)[keyof typeof SOCKS_REPLY]

const NO_AUTHENTICATION = 0
const CONNECT = 1
const IPV4 = 1
const DOMAIN = 3

/** Whether the client offers to go without authentication. */
export function parseSocksGreeting(bytes: Buffer): Parsed<{ readonly open: boolean }> {
  const [version, methods] = bytes
  if (version !== undefined && version !== SOCKS_VERSION) return bad('not SOCKS5')
  if (methods === undefined || bytes.length < 2 + methods) return MORE
  const open = bytes.subarray(2, 2 + methods).includes(NO_AUTHENTICATION)
  return { kind: 'done', value: { open }, length: 2 + methods }
}

export const encodeSocksMethod = (open: boolean): Buffer =>
  Buffer.from([SOCKS_VERSION, open ? NO_AUTHENTICATION : 0xff])

/** Where to connect, or the reply code that refuses a request we do not serve. */
export type SocksRequest = { readonly to: Destination } | { readonly refusal: SocksReply }

export function parseSocksRequest(bytes: Buffer): Parsed<SocksRequest> {
  const [version, command, , type, first] = bytes
  if (version !== undefined && version !== SOCKS_VERSION) return bad('not SOCKS5')
  if (command !== undefined && command !== CONNECT) return refusal(bytes, SOCKS_REPLY.commandUnsupported)
  if (type === undefined) return MORE
  if (type !== IPV4 && type !== DOMAIN) return refusal(bytes, SOCKS_REPLY.addressUnsupported)
  if (first === undefined) return MORE
  const start = type === IPV4 ? 4 : 5
  const end = type === IPV4 ? 8 : 5 + first
  if (bytes.length < end + 2) return MORE
  const host = type === IPV4 ? bytes.subarray(start, end).join('.') : bytes.toString('latin1', start, end)
  const port = bytes.readUInt16BE(end)
  const fits = host.length <= HOST_LENGTH_MAX && /^[\x21-\x7e]+$/.test(host) && port > 0
  return {
    kind: 'done',
    value: fits ? { to: { host, port } } : { refusal: SOCKS_REPLY.hostUnreachable },
    length: end + 2,
  }
}

function refusal(bytes: Buffer, code: SocksReply): Parsed<SocksRequest> {
  return { kind: 'done', value: { refusal: code }, length: bytes.length }
}

/** The bound address is of no use to anyone here, so it is always 0.0.0.0:0. */
export const encodeSocksReply = (code: SocksReply): Buffer =>
  Buffer.from([SOCKS_VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0])

/** What a client sends: the greeting for no authentication, and a CONNECT by name. */
export const SOCKS_GREETING = Buffer.from([SOCKS_VERSION, 1, NO_AUTHENTICATION])

export function encodeSocksConnect(to: Destination): Buffer {
  const name = Buffer.from(to.host, 'latin1')
  const port = Buffer.alloc(2)
  port.writeUInt16BE(to.port)
  return Buffer.concat([Buffer.from([SOCKS_VERSION, CONNECT, 0, DOMAIN, name.length]), name, port])
}
