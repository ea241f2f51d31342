import { connect } from 'node:net'
import type { Socket } from 'node:net'

import { LOOPBACK } from './listen.ts'

/** Everything dialled from here listens on this machine: a second means that it does not accept at all. */
const DIAL_MS_MAX = 5_000

/** Connects to a loopback port; the error has Node's `code`. The socket comes back flowing nowhere, without delay. */
export async function dial(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: LOOPBACK, allowHalfOpen: true, noDelay: true })
    const timer = setTimeout(
      () => socket.destroy(new Error(`no connection to port ${port} within ${DIAL_MS_MAX} ms`)),
      DIAL_MS_MAX,
    )
    socket.once('error', reject)
    socket.once('close', () => clearTimeout(timer))
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', reject)
      // What breaks a socket also closes it, and whoever holds the partner acts on that.
      socket.on('error', () => {})
      resolve(socket)
    })
  })
}

/** Whether the far side answered with a refusal, as opposed to silence or a local failure. */
export const isRefused = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'
