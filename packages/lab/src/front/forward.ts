import type { Server, Socket } from 'node:net'

import { listen } from './listen.ts'
import type { Destination } from './preamble.ts'
import { routeTo } from './routes.ts'
import type { Routes } from './routes.ts'
import { splice } from './splice.ts'

/**
 * A plain listener in the source region whose connections go over the link to one target, for clients that know no
 * proxy (the leaf remotes of nats-server).
 */
export async function listenForward(port: number, routes: Routes, to: Destination): Promise<Server> {
  return listen(
    port,
    `forward from ${routes.source} to ${to.host}:${to.port}`,
    (socket) => void pass(socket, routes, to),
  )
}

async function pass(socket: Socket, routes: Routes, to: Destination): Promise<void> {
  const route = routeTo(routes, to)
  if (route.kind !== 'tunnel') {
    socket.destroy()
    return
  }
  try {
    splice(socket, await route.open())
  } catch {
    // A cut link refuses; so does this listener, as far as a listener that has accepted can.
    socket.destroy()
  }
}
