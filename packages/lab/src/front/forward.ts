import type { Server, Socket } from 'node:net'

import { parseGatewayConnect } from './gateway-connect.ts'
import { listen } from './listen.ts'
import type { Destination } from './preamble.ts'
import { routeTo } from './routes.ts'
import type { Routes } from './routes.ts'
import { splice } from './splice.ts'

/**
 * A plain listener in the source region whose connections go over the link to one target, for clients that know no
 * proxy: the gateways of nats-server.
 *
 * @param gatewayOnly Whether only the gateway that bears the region's name may pass. nats-server tells its peers where its
 * configuration dials third ones, and on one machine they could: past the cuts and delays of their own links.
 */
export async function listenForward(
  port: number,
  routes: Routes,
  to: Destination,
  gatewayOnly: boolean,
): Promise<Server> {
  return listen(
    port,
    `forward from ${routes.source} to ${to.host}:${to.port}`,
    (socket) => void pass(socket, routes, to, gatewayOnly ? routes.source : undefined),
  )
}

async function pass(socket: Socket, routes: Routes, to: Destination, gateway: string | undefined): Promise<void> {
  const route = routeTo(routes, to)
  if (route.kind !== 'tunnel') {
    socket.destroy()
    return
  }
  try {
    const link = await route.open()
    if (gateway !== undefined) refuseStrangers(socket, link, gateway)
    splice(socket, link)
  } catch {
    // A cut link refuses; so does this listener, as far as a listener that has accepted can.
    socket.destroy()
  }
}

/** Breaks the connection at its first line if another than `gateway` says it. The far side speaks first, so bytes flow. */
function refuseStrangers(socket: Socket, link: Socket, gateway: string): void {
  let bytes = Buffer.alloc(0)
  const onData = (chunk: Buffer): void => {
    bytes = Buffer.concat([bytes, chunk])
    const parsed = parseGatewayConnect(bytes)
    if (parsed.kind === 'more') return
    socket.off('data', onData)
    if (parsed.kind === 'done' && parsed.value === gateway) return
    link.destroy()
    socket.destroy()
  }
  // Before the splice, so that of a chunk that is refused nothing is passed on.
  socket.on('data', onData)
}
