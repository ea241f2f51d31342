import type { Socket } from 'node:net'

/**
 * How much of what a link brought may wait here for a reader that does not read (a paused process), bytes per connection.
 * Toxiproxy cannot change the toxics of a proxy with a connection that it cannot write to, so the front takes everything
 * off the link up to this bound, and only then holds back as it should.
 */
const HELD_BYTES_MAX = 64 * 1024 * 1024

/**
 * Joins the two ends of a tunnel until both ways are done: `local` belongs to a process of the region, `link` leads to or comes
 * from another region (or is as local, when a region talks to itself). The end of one way is passed on and leaves the
 * other way open; a broken socket breaks its partner. Both must allow half-open use.
 *
 * NOT promised: half-open connections over a link. Toxiproxy answers the end of one way by closing both.
 */
export function splice(local: Socket, link: Socket): void {
  flow(local, link, 0)
  flow(link, local, HELD_BYTES_MAX)
}

function flow(from: Socket, to: Socket, heldBytesMax: number): void {
  from.on('data', (chunk) => {
    if (!to.write(chunk) && to.writableLength > heldBytesMax) from.pause()
  })
  to.on('drain', () => from.resume())
  from.on('end', () => to.end())
  from.on('close', (hadError) => {
    if (hadError || !from.readableEnded) to.destroy()
  })
  if (from.destroyed) to.destroy()
  else from.resume()
}
