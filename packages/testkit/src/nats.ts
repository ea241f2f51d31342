import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { findBinary } from './binaries.ts'
import { freePorts } from './free-port.ts'
import type { ServerControl, ServerProcess } from './server-process.ts'
import { serverProcess } from './server-process.ts'
import { tempDir } from './temp-dir.ts'
import { waitFor } from './wait-for.ts'

export interface NatsOptions {
  /** nats-server configuration text appended to ours; a key given twice counts in its last form. */
  config?: string
  /**
   * `leafUrl` of the hub this server joins as a leaf, or of a link that leads there. Not awaited: the hub may be cut off.
   * Ask `${monitorUrl}/leafz` or send a canary message.
   */
  leafOf?: string
  /** Where configuration and JetStream files go; then the caller removes it. Default: a temporary folder. */
  dir?: string
}

export interface NatsServer extends ServerControl, AsyncDisposable {
  /** `nats://127.0.0.1:port` */
  readonly url: string
  /** Client port. */
  readonly port: number
  /** Where leaves may join: `nats-leaf://127.0.0.1:port`. Never gossiped, so a leaf behind a link stays behind it. */
  readonly leafUrl: string
  /** HTTP monitoring: `/varz`, `/connz`, `/leafz`. */
  readonly monitorUrl: string
}

const READY_TIMEOUT_MS = 20_000
const GREETING_TIMEOUT_MS = 1_000

/** A nats-server on 127.0.0.1 that greets clients. JetStream is off unless `config` turns it on. */
export async function startNats(options: NatsOptions = {}): Promise<NatsServer> {
  const binary = findBinary('nats-server')
  const [port = 0, leafPort = 0, monitorPort = 0] = await freePorts(3)
  const temporary = options.dir === undefined ? await tempDir('meridian-nats-') : undefined
  const dir = options.dir ?? temporary?.path ?? ''
  const file = join(dir, `nats-${port}.conf`)
  await writeFile(file, configuration(options, port, leafPort, monitorPort))
  const server = serverProcess(`nats-server ${port}`, binary, ['--config', file], dir)

  let disposal: Promise<void> | undefined
  const dispose = async (): Promise<void> => {
    await server.kill()
    await temporary?.[Symbol.asyncDispose]()
  }
  const nats: NatsServer = {
    url: `nats://127.0.0.1:${port}`,
    port,
    leafUrl: `nats-leaf://127.0.0.1:${leafPort}`,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    get pid() {
      return server.pid
    },
    kill: server.kill,
    stop: server.stop,
    pause: server.pause,
    resume: server.resume,
    logs: server.logs,
    async start() {
      server.spawn()
      await natsReady(port, server)
    },
    [Symbol.asyncDispose]: () => (disposal ??= dispose()),
  }
  try {
    await nats.start()
    return nats
  } catch (error) {
    await nats[Symbol.asyncDispose]()
    throw error
  }
}

function configuration({ config = '', leafOf }: NatsOptions, port: number, leafPort: number, monitorPort: number) {
  // Leaf nodes do not advertise: a server that learns a peer's real address goes around the link after a reconnect.
  const remotes = leafOf === undefined ? '' : `  remotes: [{ url: ${JSON.stringify(leafOf)} }]\n`
  return `server_name: "testkit-${port}"
listen: "127.0.0.1:${port}"
http: "127.0.0.1:${monitorPort}"
leafnodes {
  listen: "127.0.0.1:${leafPort}"
  no_advertise: true
  reconnect: 1
${remotes}}
${config}
`
}

async function natsReady(port: number, server: ServerProcess): Promise<void> {
  await waitFor(`nats-server on port ${port} greets`, () => greeting(port), {
    timeoutMs: READY_TIMEOUT_MS,
    giveUp: server.exitReason,
    diagnose: server.logs,
  })
}

/** The first bytes a client gets are `INFO {...}`; an accepted connection alone only proves a listening kernel. */
function greeting(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.setTimeout(GREETING_TIMEOUT_MS, () => {
      socket.destroy(new Error('connected, but no greeting'))
    })
    socket.once('data', (chunk: Buffer) => {
      socket.destroy()
      resolve(chunk.toString('latin1').startsWith('INFO '))
    })
    socket.once('error', reject)
    socket.once('close', () => {
      reject(new Error('closed without a greeting'))
    })
  })
}
