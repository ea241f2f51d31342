import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { findBinary, serverEnvironment } from './binaries.ts'
import { freePorts } from './free-port.ts'
import { httpGet } from './http-get.ts'
import type { ServerControl, ServerProcess } from './server-process.ts'
import { serverProcess } from './server-process.ts'
import { tempDir } from './temp-dir.ts'
import { waitFor } from './wait-for.ts'

export interface EtcdOptions {
  /** Number of voters. Default 1. */
  members?: number
  /** Default 50. */
  heartbeatMs?: number
  /** Default 10 x heartbeat. The server grants no lease below ceil(1.5 x this), in whole seconds. */
  electionMs?: number
  /** Added to every member's command line after ours; of a flag given twice etcd takes the last. */
  extraArgs?: readonly string[]
  /** Where the members keep their data, a folder each; then the caller removes it. Default: a temporary folder. */
  dir?: string
  /**
   * Whether commits reach the disk before they are answered. Default false: SIGKILL loses nothing that way, because the
   * kernel keeps the written pages, and tests run several times faster. Say true where fsync is what is measured.
   */
  fsync?: boolean
}

export interface EtcdMember extends ServerControl {
  readonly name: string
  /** `http://127.0.0.1:port` */
  readonly clientUrl: string
  /** `http://127.0.0.1:port` */
  readonly peerUrl: string
  /**
   * Same folder and ports. Resolves when the member answers a linearizable read, if enough members run for one;
   * otherwise when the process is started.
   */
  start(): Promise<void>
}

export interface EtcdCluster extends AsyncDisposable {
  /** Client URLs, in the order of `members`. */
  readonly endpoints: string[]
  readonly members: EtcdMember[]
  /**
   * Runs etcdctl and returns its stdout; throws with its stderr. Bounded by 15 s. Asks all endpoints unless the
   * arguments name `--endpoints=...`.
   */
  etcdctl(args: readonly string[]): Promise<string>
  /** Waits until every running member answers a linearizable read. Bounded by 30 s. */
  ready(): Promise<void>
}

const READY_TIMEOUT_MS = 30_000
const HEALTH_TIMEOUT_MS = 2_000
const ETCDCTL_TIMEOUT_MS = 15_000

/** A fresh etcd cluster on 127.0.0.1, every member answering linearizable reads. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  const { members: count = 1, heartbeatMs = 50, electionMs = 10 * heartbeatMs, extraArgs = [], fsync = false } = options
  const binary = findBinary('etcd')
  const etcdctlBinary = findBinary('etcdctl')
  const ports = await freePorts(2 * count)
  const temporary = options.dir === undefined ? await tempDir('meridian-etcd-') : undefined
  const dir = options.dir ?? temporary?.path ?? ''

  const places = Array.from({ length: count }, (_, i) => ({
    name: `m${i + 1}`,
    clientUrl: `http://127.0.0.1:${ports[2 * i]}`,
    peerUrl: `http://127.0.0.1:${ports[2 * i + 1]}`,
  }))
  const initialCluster = places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')
  // Two clusters that ever see each other's ports must not mistake each other for themselves.
  const token = `testkit-${process.pid}-${ports[0]}`

  const processes: ServerProcess[] = []
  const members = places.map((place): EtcdMember => {
    const server = serverProcess(`etcd ${place.name}`, binary, [
      `--name=${place.name}`,
      `--data-dir=${join(dir, place.name)}`,
      `--listen-client-urls=${place.clientUrl}`,
      `--advertise-client-urls=${place.clientUrl}`,
      `--listen-peer-urls=${place.peerUrl}`,
      `--initial-advertise-peer-urls=${place.peerUrl}`,
      `--initial-cluster=${initialCluster}`,
      `--initial-cluster-token=${token}`,
      `--heartbeat-interval=${heartbeatMs}`,
      `--election-timeout=${electionMs}`,
      ...(fsync ? [] : ['--unsafe-no-fsync']),
      ...extraArgs,
    ])
    processes.push(server)
    return {
      ...place,
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
        const awake = processes.filter((each) => each.running && !each.paused).length
        if (2 * awake > count) await memberReady(place.clientUrl, server)
      },
    }
  })

  const ready = async (): Promise<void> => {
    const waits = members.map(async ({ clientUrl }, i) => {
      const server = processes[i]
      if (server?.running) await memberReady(clientUrl, server)
    })
    await Promise.all(waits)
  }

  let disposal: Promise<void> | undefined
  const dispose = async (): Promise<void> => {
    await Promise.all(processes.map((server) => server.kill()))
    await temporary?.[Symbol.asyncDispose]()
  }

  const cluster: EtcdCluster = {
    endpoints: places.map(({ clientUrl }) => clientUrl),
    members,
    etcdctl: (args) => runEtcdctl(etcdctlBinary, places.map(({ clientUrl }) => clientUrl).join(','), args),
    ready,
    [Symbol.asyncDispose]: () => (disposal ??= dispose()),
  }
  try {
    for (const server of processes) server.spawn()
    await ready()
    return cluster
  } catch (error) {
    await cluster[Symbol.asyncDispose]()
    throw error
  }
}

async function memberReady(clientUrl: string, server: ServerProcess): Promise<void> {
  // etcd's /health does a linearizable read: true means that a leader confirmed itself with a quorum for this member.
  await waitFor(
    `etcd at ${clientUrl} answers a linearizable read`,
    async () => {
      const { body } = await httpGet(`${clientUrl}/health`, HEALTH_TIMEOUT_MS)
      if (/"health"\s*:\s*"true"/.test(body)) return true
      throw new Error(body.trim())
    },
    { timeoutMs: READY_TIMEOUT_MS, giveUp: server.exitReason, diagnose: server.logs },
  )
}

function runEtcdctl(binary: string, endpoints: string, args: readonly string[]): Promise<string> {
  // etcdctl adds up the endpoints of a flag given twice.
  const named = args.some((arg) => arg.startsWith('--endpoints'))
  return new Promise((resolve, reject) => {
    execFile(
      binary,
      named ? [...args] : [`--endpoints=${endpoints}`, ...args],
      { env: serverEnvironment(), timeout: ETCDCTL_TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 16 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error) {
          reject(new Error(`etcdctl ${args.join(' ')}: ${stderr.trim() || error.message}`, { cause: error }))
        } else resolve(stdout)
      },
    )
  })
}
