import type { Socket } from 'node:net'

import { parseWanName } from '../wan-name.ts'
import { dial } from './dial.ts'
import { encodePreamble } from './preamble.ts'
import type { Destination } from './preamble.ts'
import { parseProbeName, PROBE_PORT } from './probe-point.ts'
import type { ProbePoint } from './probe-point.ts'

/** How processes of one region reach everything: their own region directly, every other over its link. */
export interface Routes {
  readonly source: string
  /** Loopback port of the link from `source` to each other region. */
  readonly linkPorts: ReadonlyMap<string, number>
  readonly probes: ProbePoint
}

export type Route =
  | { readonly kind: 'unknown' }
  | { readonly kind: 'probe'; readonly serve: (socket: Socket) => void }
  /** `open` gives a socket on which the tunnel's bytes may follow at once; it rejects with the dial's error. */
  | { readonly kind: 'tunnel'; readonly open: () => Promise<Socket> }

/** Names that are no region of this world, and addresses, have no route: nothing else is ever dialled. */
export function routeTo({ source, linkPorts, probes }: Routes, to: Destination): Route {
  const name = parseWanName(to.host)
  if (name === undefined) return { kind: 'unknown' }
  if (name.region === source) {
    const probe = to.port === PROBE_PORT ? parseProbeName(name.labels) : undefined
    if (probe !== undefined) return { kind: 'probe', serve: (socket) => probes.serve(socket, probe, true) }
    return { kind: 'tunnel', open: async () => dial(to.port) }
  }
  const linkPort = linkPorts.get(name.region)
  if (linkPort === undefined) return { kind: 'unknown' }
  return {
    kind: 'tunnel',
    open: async () => {
      const socket = await dial(linkPort)
      socket.write(encodePreamble(to))
      return socket
    },
  }
}
