import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { wanHost } from '@meridian/lab'
import type { GlobalTier, Lab } from '@meridian/lab'

/** One process as a supervisor runs it: nothing is inherited, readiness is asked again and again. */
export interface ScratchProcess {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string
  readonly logFile: string
  readonly stage: string
  readonly ready: () => Promise<boolean>
}

/** Runs processes that do not outlive it; they end when it is disposed. */
export interface ProcessHost extends AsyncDisposable {
  start(specs: readonly ScratchProcess[], signal?: AbortSignal): Promise<void>
}

export interface ScratchClusterOptions {
  readonly name: string
  /** One member for each. */
  readonly regions: readonly string[]
  /** First of twice as many ports as there are regions. */
  readonly portBase: number
  /** Existing, private. */
  readonly folder: string
  readonly etcd: string
  readonly heartbeatMs: number
  readonly electionMs: number
  /** Its links lead from member to member; without it they talk directly. */
  readonly lab?: Lab
  readonly host: ProcessHost
  readonly signal: AbortSignal
}

const LOOPBACK = '127.0.0.1'

/** A throw-away etcd of one member per region, with the timers of the global tier, holding nothing but our samples. */
export async function startScratchCluster(options: ScratchClusterOptions): Promise<GlobalTier> {
  const { name, regions, portBase, folder, etcd, lab, host, signal } = options
  const members = regions.map((region, index) => {
    const clientPort = portBase + 2 * index
    return {
      region,
      clientUrl: `http://${LOOPBACK}:${clientPort}`,
      listenPeer: `http://${LOOPBACK}:${clientPort + 1}`,
      peerUrl: `http://${lab === undefined ? LOOPBACK : wanHost(region)}:${clientPort + 1}`,
    }
  })
  const cluster = members.map(({ region, peerUrl }) => `${region}=${peerUrl}`).join(',')
  const specs: ScratchProcess[] = []
  for (const { region, clientUrl, listenPeer, peerUrl } of members) {
    const dataDir = join(folder, `${name}-${region}`)
    await mkdir(dataDir, { mode: 0o700 })
    const flags = {
      name: region,
      'data-dir': dataDir,
      'listen-peer-urls': listenPeer,
      'initial-advertise-peer-urls': peerUrl,
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'initial-cluster': cluster,
      'initial-cluster-token': `bench-${name}`,
      'heartbeat-interval': String(options.heartbeatMs),
      'election-timeout': String(options.electionMs),
      'log-level': 'warn',
    }
    specs.push({
      name: `${name} ${region}`,
      command: etcd,
      args: Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
      env: { PATH: process.env['PATH'] ?? '', ...lab?.goEnv(region) },
      cwd: folder,
      logFile: join(folder, `${name}-${region}.log`),
      stage: name,
      ready: () => healthy(clientUrl),
    })
  }
  await host.start(specs, signal)
  return {
    regions: members.map(({ region, clientUrl, peerUrl }) => ({
      id: region,
      globalEtcd: { processName: `${name} ${region}`, clientUrl, peerUrl },
    })),
  }
}

async function healthy(clientUrl: string): Promise<boolean> {
  const response = await fetch(`${clientUrl}/health`, { signal: AbortSignal.timeout(2_000) })
  const answer: unknown = await response.json()
  return typeof answer === 'object' && answer !== null && 'health' in answer && answer.health === 'true'
}
