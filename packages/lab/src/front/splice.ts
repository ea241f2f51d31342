import type { Socket } from 'node:net'

/**
 * Joins two sockets until both ways are done. Bytes wait in the kernel, not here, when the reader is slow; the end of one
 * way is passed on and leaves the other way open; a broken socket breaks its partner. Both must allow half-open use.
 *
 * NOT promised: half-open connections over a link. Toxiproxy answers the end of one way by closing both.
 */
export function splice(a: Socket, b: Socket): void {
  flow(a, b)
  flow(b, a)
}

function flow(from: Socket, to: Socket): void {
  from.on('data', (chunk) => {
    if (!to.write(chunk)) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => to.end())
  from.on('close', (hadError) => {
    if (hadError || !from.readableEnded) to.destroy()
  })
  if (from.destroyed) to.destroy()
  else from.resume()
}
