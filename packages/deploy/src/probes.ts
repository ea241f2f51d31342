import { request } from 'node:http'
import { connect } from 'node:net'

/** One probe never takes longer, ms. */
const PROBE_TIMEOUT_MS = 1_000
const HEALTH_BYTES_MAX = 4096

/** Whether somebody accepts connections there. */
export function tcpOpen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    const answer = (open: boolean) => {
      socket.destroy()
      resolve(open)
    }
    socket.setTimeout(PROBE_TIMEOUT_MS, () => answer(false))
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}

/** Whether etcd's /health is true, which takes a linearizable read: a leader has confirmed itself with a quorum. */
export function etcdHealthy(clientUrl: string): Promise<boolean> {
  return new Promise((resolve) => {
    // The plain client of node:http asks no proxy, whatever the environment says.
    const call = request(`${clientUrl}/health`, { timeout: PROBE_TIMEOUT_MS, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => {
        body = (body + chunk).slice(0, HEALTH_BYTES_MAX)
      })
      response.on('end', () => resolve(/"health"\s*:\s*"true"/.test(body)))
      response.on('error', () => resolve(false))
    })
    // Not `timeout` alone, which counts silence: a paused member accepts and never answers.
    const force = setTimeout(() => call.destroy(new Error('no answer')), PROBE_TIMEOUT_MS)
    call.on('close', () => {
      clearTimeout(force)
      resolve(false)
    })
    call.on('error', () => resolve(false))
    call.end()
  })
}
