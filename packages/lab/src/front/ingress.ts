import type { Server, Socket } from 'node:net'

import { parseWanName } from '../wan-name.ts'
import { dial } from './dial.ts'
import { readHeader } from './header.ts'
import type { HeaderBounds } from './header.ts'
import { listen } from './listen.ts'
import { parsePreamble, PREAMBLE_BYTES_MAX } from './preamble.ts'
import { parseProbeName, PROBE_PORT } from './probe-point.ts'
import type { ProbePoint } from './probe-point.ts'
import { splice } from './splice.ts'

/**
 * Before the first byte it waits long, because Toxiproxy carries the end of a connection through a black hole: closing
 * a silent connection would tell the source within seconds what a real black hole never tells.
 */
const BOUNDS: HeaderBounds = { bytesMax: PREAMBLE_BYTES_MAX, firstByteMsMax: 600_000, restMsMax: 5_000 }

/** Where the links of all other regions end in `region`; a target that refuses shows as a connection that closes. */
export async function listenIngress(region: string, port: number, probes: ProbePoint): Promise<Server> {
  return listen(port, `ingress of ${region}`, (socket) => void admit(region, socket, probes))
}

async function admit(region: string, socket: Socket, probes: ProbePoint): Promise<void> {
  const header = await readHeader(socket, parsePreamble, BOUNDS)
  const name = header?.kind === 'done' ? parseWanName(header.value.host) : undefined
  if (header?.kind !== 'done' || name?.region !== region) {
    socket.destroy()
    return
  }
  const probe = header.value.port === PROBE_PORT ? parseProbeName(name.labels) : undefined
  if (probe !== undefined) {
    probes.serve(socket, probe, false)
    return
  }
  try {
    splice(await dial(header.value.port), socket)
  } catch {
    // The link has no word for "refused", and the source learns it from the close.
    socket.destroy()
  }
}
