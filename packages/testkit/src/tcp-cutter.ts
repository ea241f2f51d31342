import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import type { Direction } from './link.ts'
import { parseHostPort } from './host-port.ts'

/** `cut` closes the connection without forwarding the chunk; a number forwards that many of its bytes, then closes. */
export type CutDecision = 'pass' | 'cut' | number

/**
 * Decides about one chunk. `total` counts the bytes of this connection in this direction, the chunk included; where one
 * chunk ends and the next begins is TCP's choice.
 */
export type ByteWatcher = (total: number, chunk: Buffer) => CutDecision

/** A TCP proxy inside the test's process, for faults that depend on the bytes: cut exactly here, lose the answer. */
export interface TcpCutter extends AsyncDisposable {
  /** Where to dial: `127.0.0.1:port`. */
  readonly address: string
  /** Connections open now. */
  readonly connections: number
  /** Closes all open connections; new ones are still accepted. */
  cutAll(): void
  /** Installs the watcher of a direction, for open and new connections; `undefined` removes it. */
  onBytes(direction: Direction, watcher: ByteWatcher | undefined): void
  /**
   * While on, requests are forwarded and what comes back is thrown away; watchers still see it. A gRPC client sends no
   * request before it has the server's greeting: turn this on from an `upstream` watcher that recognises the request.
   */
  dropResponses(on: boolean): void
}

/** Listens on a port of its own and dials `upstream` (`host:port`, or a URL of it) once per connection. */
export async function startTcpCutter(upstream: string): Promise<TcpCutter> {
  const target = parseHostPort(upstream)
  const open = new Set<() => void>()
  const watchers = new Map<Direction, ByteWatcher>()
  let dropping = false

  const pump = (from: Socket, to: Socket, direction: Direction, close: () => void): void => {
    let total = 0
    from.on('data', (chunk: Buffer) => {
      total += chunk.length
      const decision = watchers.get(direction)?.(total, chunk) ?? 'pass'
      if (decision === 'cut') return close()
      if (direction === 'downstream' && dropping) return decision === 'pass' ? undefined : close()
      if (typeof decision === 'number') {
        from.pause()
        to.write(chunk.subarray(0, decision), close)
        return undefined
      }
      if (!to.write(chunk)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
      return undefined
    })
    from.on('end', () => to.end())
    // The peer's reset is an outcome the test looks at on its own socket.
    from.on('error', close)
    // Not `close`: after an orderly end the other side may still have bytes to send.
    from.on('close', () => {
      to.destroySoon()
      if (to.destroyed) open.delete(close)
    })
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const far = connect({ ...target, allowHalfOpen: true, noDelay: true })
    const close = (): void => {
      open.delete(close)
      near.destroy()
      far.destroy()
    }
    open.add(close)
    pump(near, far, 'upstream', close)
    pump(far, near, 'downstream', close)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ port: 0, host: '127.0.0.1' }, resolve)
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no TCP address')

  const cutAll = (): void => {
    for (const close of open) close()
  }
  let disposal: Promise<void> | undefined
  return {
    address: `127.0.0.1:${address.port}`,
    get connections() {
      return open.size
    },
    cutAll,
    onBytes(direction, watcher) {
      if (watcher) watchers.set(direction, watcher)
      else watchers.delete(direction)
    },
    dropResponses(on) {
      dropping = on
    },
    [Symbol.asyncDispose]: () =>
      (disposal ??= new Promise((resolve) => {
        server.close(() => {
          resolve()
        })
        cutAll()
      })),
  }
}
