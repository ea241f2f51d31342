import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'

import { MeridianError } from '@meridian/topology'

/** Enough for every stream of a five-region world; beyond it the listener refuses instead of exhausting descriptors. */
const CONNECTIONS_MAX = 4_096
export const LOOPBACK = '127.0.0.1'

/**
 * A loopback listener whose sockets have no-delay on and stay open for writing after the other side's end.
 *
 * @param what for the refusal's text, for example `egress of eu-west`.
 * @throws MeridianError PORT_IN_USE, naming the port.
 */
export async function listen(port: number, what: string, onSocket: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (socket) => {
    // What breaks a socket also closes it, and whoever holds the partner acts on that.
    socket.on('error', () => {})
    onSocket(socket)
  })
  server.maxConnections = CONNECTIONS_MAX
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') reject(portInUse(port, what, error))
      else reject(error)
    })
    server.listen({ port, host: LOOPBACK }, () => {
      server.removeAllListeners('error')
      // Only accept can still fail, for want of descriptors: the connection is lost, the listener is not.
      server.on('error', () => {})
      resolve(server)
    })
  })
}

export function portInUse(port: number, what: string, cause?: unknown): MeridianError {
  return new MeridianError('PORT_IN_USE', `port ${port} (${what}) is in use on ${LOOPBACK}`, {
    details: { port: String(port), what },
    ...(cause === undefined ? {} : { cause }),
  })
}
