import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below the range from which systems take the ports of outgoing connections (Linux: 32768 up), so that no client socket
// sits on a port between our look and the server's bind.
const PORT_MIN = 15_000
const PORT_MAX = 32_000
const ATTEMPTS_MAX = 500

const given = new Set<number>()

/**
 * A TCP port of 127.0.0.1 that nothing listens on now and that this process has not given out before.
 * Two processes draw from the same 17 000 at random: a collision is unlikely, not impossible.
 * A port stays given after its server stops, so a stopped server can come back on it.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    if (given.has(port)) continue
    given.add(port)
    if (await canListen(port)) return port
  }
  throw new Error(`no free port between ${PORT_MIN} and ${PORT_MAX} in ${ATTEMPTS_MAX} draws`)
}

/** As many distinct ports as asked for. */
export async function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, () => freePort()))
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => {
      resolve(false)
    })
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true)
      })
    })
  })
}
