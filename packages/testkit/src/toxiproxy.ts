import { Toxiproxy as ToxiproxyClient } from 'toxiproxy-node-client'
import { findBinary } from './binaries.ts'
import { freePort } from './free-port.ts'
import { parseHostPort } from './host-port.ts'
import { httpGet } from './http-get.ts'
import type { Link } from './link.ts'
import { createLink } from './link.ts'
import { serverProcess } from './server-process.ts'
import { waitFor } from './wait-for.ts'

export interface Toxiproxy extends AsyncDisposable {
  /** `http://127.0.0.1:port` of its HTTP API. */
  readonly url: string
  /**
   * A link that listens on a port of its own and leads to `upstream` (`host:port`, or a URL of it). The name is for
   * people: anything unsafe in a URL becomes `.`, and a number keeps it unique.
   */
  proxy(name: string, upstream: string, options?: { latencyMs?: number }): Promise<Link>
  readonly logs: () => string
}

const READY_TIMEOUT_MS = 10_000

/** A toxiproxy-server on 127.0.0.1 without links. Disposal kills it, and with it every link. */
export async function startToxiproxy(): Promise<Toxiproxy> {
  const binary = findBinary('toxiproxy-server')
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const server = serverProcess('toxiproxy', binary, ['-host', '127.0.0.1', '-port', String(port)])
  const client = new ToxiproxyClient(url)
  let links = 0

  server.spawn()
  try {
    await waitFor(`toxiproxy answers on ${url}`, async () => (await httpGet(`${url}/version`, 1_000)).status === 200, {
      timeoutMs: READY_TIMEOUT_MS,
      giveUp: server.exitReason,
      diagnose: server.logs,
    })
  } catch (error) {
    await server.kill()
    throw error
  }
  return {
    url,
    logs: server.logs,
    async proxy(name, upstream, { latencyMs = 0 } = {}) {
      links += 1
      const { host, port: upstreamPort } = parseHostPort(upstream)
      return createLink(client, {
        name: `${name.replaceAll(/[^A-Za-z0-9_.-]/g, '.')}-${links}`,
        listen: `127.0.0.1:${await freePort()}`,
        upstream: `${host}:${upstreamPort}`,
        latencyMs,
        serverRuns: () => server.running,
      })
    },
    [Symbol.asyncDispose]: () => server.kill(),
  }
}
