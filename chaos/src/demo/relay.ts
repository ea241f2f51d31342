import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'

/** Connections at once; more are closed as they come. */
const CONNECTIONS_MAX = 64

/**
 * A way to one server that counts what passes and can be cut: whoever knows the server by this address only cannot reach
 * it afterwards, so what it then learns it has from elsewhere.
 */
export class Relay implements AsyncDisposable {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #bytes = 0
  #closed: Promise<void> | undefined

  private constructor(host: string, port: number) {
    this.#server = createServer((near) => this.#join(near, connect({ host, port })))
    this.#server.maxConnections = CONNECTIONS_MAX
  }

  /** @param target `host:port`, the host an IP address */
  static async open(target: string): Promise<Relay> {
    const colon = target.lastIndexOf(':')
    const relay = new Relay(target.slice(0, colon), Number(target.slice(colon + 1)))
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  /** `127.0.0.1:port` */
  get address(): string {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('assertion: the relay does not listen')
    return `127.0.0.1:${address.port}`
  }

  /** Passed in both directions since the start. */
  get bytes(): number {
    return this.#bytes
  }

  /** Ends every connection and takes no more. Idempotent. */
  cut(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const socket of this.#sockets) socket.destroy()
    })
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cut()
  }

  #join(near: Socket, far: Socket): void {
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(from)
      from.setNoDelay(true)
      from.on('data', (chunk) => {
        this.#bytes += chunk.length
      })
      from.pipe(to)
      // Either end's failure ends both; nothing is to be said of it here, the callers see their connection go.
      from.on('error', () => {})
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
    }
  }
}
