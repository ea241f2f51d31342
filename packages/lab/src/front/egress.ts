import type { Server, Socket } from 'node:net'

import { isRefused } from './dial.ts'
import { readHeader } from './header.ts'
import type { HeaderBounds, Parsed } from './header.ts'
import {
  CONNECT_BYTES_MAX,
  HTTP_BAD_GATEWAY,
  HTTP_BAD_REQUEST,
  HTTP_ESTABLISHED,
  parseConnect,
} from './http-connect.ts'
import { listen } from './listen.ts'
import type { Destination } from './preamble.ts'
import { routeTo } from './routes.ts'
import type { Routes } from './routes.ts'
import {
  encodeSocksMethod,
  encodeSocksReply,
  parseSocksGreeting,
  parseSocksRequest,
  SOCKS_BYTES_MAX,
  SOCKS_REPLY,
  SOCKS_VERSION,
} from './socks5.ts'
import type { SocksReply } from './socks5.ts'
import { splice } from './splice.ts'

const HANDSHAKE_MS_MAX = 10_000
const BOUNDS = { firstByteMsMax: HANDSHAKE_MS_MAX, restMsMax: HANDSHAKE_MS_MAX }
const SOCKS_BOUNDS: HeaderBounds = { ...BOUNDS, bytesMax: SOCKS_BYTES_MAX }
const CONNECT_BOUNDS: HeaderBounds = { ...BOUNDS, bytesMax: CONNECT_BYTES_MAX }

/**
 * The door through which processes of a region reach other regions: a SOCKS5 and HTTP CONNECT proxy on one port.
 *
 * NOT emulated: the round trip of the TCP handshake. Success is answered as soon as the link has accepted, so the first
 * answer of a new connection is one round trip early; and a target that refuses shows as a close after success.
 */
export async function listenEgress(port: number, routes: Routes): Promise<Server> {
  return listen(port, `egress of ${routes.source}`, (socket) => void serve(socket, routes))
}

async function serve(socket: Socket, routes: Routes): Promise<void> {
  const protocol = await readHeader(socket, sniff, SOCKS_BOUNDS)
  if (protocol?.kind !== 'done') socket.destroy()
  else if (protocol.value === 'socks') await serveSocks(socket, routes)
  else await serveConnect(socket, routes)
}

/** Consumes nothing: the protocol's own parser wants the byte again. */
function sniff(bytes: Buffer): Parsed<'socks' | 'http'> {
  return { kind: 'done', value: bytes[0] === SOCKS_VERSION ? 'socks' : 'http', length: 0 }
}

async function serveSocks(socket: Socket, routes: Routes): Promise<void> {
  const greeting = await readHeader(socket, parseSocksGreeting, SOCKS_BOUNDS)
  if (greeting?.kind !== 'done' || !greeting.value.open) {
    if (greeting?.kind === 'done') close(socket, encodeSocksMethod(false))
    else socket.destroy()
    return
  }
  socket.write(encodeSocksMethod(true))
  const request = await readHeader(socket, parseSocksRequest, SOCKS_BOUNDS)
  if (request?.kind !== 'done') socket.destroy()
  else if ('refusal' in request.value) close(socket, encodeSocksReply(request.value.refusal))
  else {
    await tunnel(socket, routes, request.value.to, {
      established: encodeSocksReply(SOCKS_REPLY.ok),
      unknown: encodeSocksReply(SOCKS_REPLY.hostUnreachable),
      failed: (error) => encodeSocksReply(refusalOf(error)),
    })
  }
}

function refusalOf(error: unknown): SocksReply {
  return isRefused(error) ? SOCKS_REPLY.refused : SOCKS_REPLY.failure
}

async function serveConnect(socket: Socket, routes: Routes): Promise<void> {
  const request = await readHeader(socket, parseConnect, CONNECT_BOUNDS)
  if (request === undefined) return
  if (request.kind === 'bad') close(socket, HTTP_BAD_REQUEST)
  else {
    await tunnel(socket, routes, request.value, {
      established: HTTP_ESTABLISHED,
      unknown: HTTP_BAD_GATEWAY,
      failed: () => HTTP_BAD_GATEWAY,
    })
  }
}

interface Answers {
  readonly established: Buffer
  readonly unknown: Buffer
  readonly failed: (error: unknown) => Buffer
}

async function tunnel(socket: Socket, routes: Routes, to: Destination, answers: Answers): Promise<void> {
  const route = routeTo(routes, to)
  switch (route.kind) {
    case 'unknown':
      close(socket, answers.unknown)
      return
    case 'probe':
      socket.write(answers.established)
      route.serve(socket)
      return
    case 'tunnel': {
      let far: Socket
      try {
        far = await route.open()
      } catch (error) {
        close(socket, answers.failed(error))
        return
      }
      socket.write(answers.established)
      splice(socket, far)
      return
    }
    default:
      route satisfies never
  }
}

/** Sends a last word. What the client still sends is read away, so that it does not turn into a reset that eats the word. */
function close(socket: Socket, lastWord: Buffer): void {
  socket.on('data', () => {})
  socket.end(lastWord)
  socket.setTimeout(1_000, () => socket.destroy())
  socket.on('end', () => socket.destroySoon())
  socket.resume()
}
