import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { MeridianError } from '@meridian/topology'

import { calibrate } from './calibrate.ts'
import type { Calibration } from './calibrate.ts'
import { canary } from './canary.ts'
import type { CanaryReport } from './canary.ts'
import { FrontProcess } from './front-process.ts'
import type { FrontConfig } from './front/config.ts'
import { assertPortsFree, PortPlan } from './lab-ports.ts'
import type { LabPorts } from './lab-ports.ts'
import { Links } from './links.ts'
import type { CutStyle, LinkSpec } from './links.ts'
import { ToxiproxyApi } from './toxiproxy-api.ts'
import { parseWanName } from './wan-name.ts'
import type { WanMatrix } from './wan-matrix.ts'

export interface LabOptions {
  /** Regions of this world, in the order that gives each its ports; all of them in the matrix. */
  readonly regions: readonly string[]
  readonly matrix: WanMatrix
  /** Default: the environment's MERIDIAN_TOXIPROXY_SERVER, else `toxiproxy-server` on PATH. */
  readonly toxiproxyBinary?: string
  readonly ports: LabPorts
  /** Takes the front's configuration and the logs; created if missing, private to the user. */
  readonly logDir: string
}

/** A running WAN: one link per ordered pair of regions, delayed as the matrix says. */
export interface Lab extends AsyncDisposable {
  readonly regions: readonly string[]
  readonly links: Links
  readonly pids: { readonly front: number; readonly toxiproxy: number }
  /** Resolves when the front has ended: the WAN is gone then, whether or not it was disposed. */
  readonly exited: Promise<void>
  /** Address of a region's egress: one port, two protocols. Default `socks5`. */
  egressUrl(region: string, scheme?: 'socks5' | 'http'): string
  /** Environment for Go programs of a region (etcd): all their outgoing plain and TLS HTTP goes over the WAN. */
  goEnv(region: string): Record<string, string>
  /** Environment for grpc-js in a process of a region: names go over the WAN, loopback addresses do not. */
  grpcEnv(region: string): Record<string, string>
  calibrate(options?: { readonly samples?: number }): Promise<Calibration>
  canary(a: string, b: string, style?: CutStyle): Promise<CanaryReport>
}

/**
 * Starts toxiproxy-server and the front, and opens every link.
 *
 * @throws MeridianError PORT_IN_USE or CONFIG_INVALID naming the port, REGION_UNKNOWN, TOOL_MISSING, UNAVAILABLE; nothing
 * is left running then.
 */
export async function startLab(options: LabOptions): Promise<Lab> {
  const { regions, matrix, ports, logDir } = options
  const plan = new PortPlan(regions, ports)
  const specs = linkSpecs(regions, matrix, plan)
  for (const { source, targetHost } of ports.forwards) {
    plan.egress(source)
    const name = parseWanName(targetHost)
    if (name === undefined)
      throw new MeridianError('CONFIG_INVALID', `${JSON.stringify(targetHost)} is no name of the WAN`)
    plan.ingress(name.region)
  }
  await assertPortsFree(plan.all())

  const config: FrontConfig = {
    regions: regions.map((id) => ({ id, egressPort: plan.egress(id), ingressPort: plan.ingress(id) })),
    links: specs.map(({ source, target, listenPort }) => ({ source, target, port: listenPort })),
    forwards: ports.forwards.map((forward) => ({ ...forward })),
    toxiproxy: {
      binary: options.toxiproxyBinary ?? (process.env['MERIDIAN_TOXIPROXY_SERVER'] || 'toxiproxy-server'),
      apiPort: ports.toxiproxyApi,
      logFile: join(logDir, 'toxiproxy.log'),
    },
  }
  await mkdir(logDir, { recursive: true, mode: 0o700 })
  const configFile = join(logDir, 'wan-front.json')
  await writeFile(configFile, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600 })

  const front = await FrontProcess.start(configFile, join(logDir, 'wan-front.log'))
  const links = new Links(new ToxiproxyApi(ports.toxiproxyApi), specs)
  try {
    await links.open()
  } catch (error) {
    await front[Symbol.asyncDispose]()
    throw error
  }
  return new RunningLab(options, plan, front, links)
}

function linkSpecs(regions: readonly string[], matrix: WanMatrix, plan: PortPlan): LinkSpec[] {
  return regions.flatMap((source) =>
    regions
      .filter((target) => target !== source)
      .map((target) => ({
        source,
        target,
        listenPort: plan.link(source, target),
        ingressPort: plan.ingress(target),
        outwardDelayMs: matrix.oneWayMs(source, target),
        returnDelayMs: matrix.oneWayMs(target, source),
      })),
  )
}

class RunningLab implements Lab {
  readonly regions: readonly string[]
  readonly links: Links
  readonly #matrix: WanMatrix
  readonly #plan: PortPlan
  readonly #front: FrontProcess
  #canaries = 0

  constructor(options: LabOptions, plan: PortPlan, front: FrontProcess, links: Links) {
    this.regions = options.regions
    this.#matrix = options.matrix
    this.#plan = plan
    this.#front = front
    this.links = links
  }

  get pids(): Lab['pids'] {
    return { front: this.#front.pid, toxiproxy: this.#front.toxiproxyPid }
  }

  get exited(): Promise<void> {
    return this.#front.exited
  }

  egressUrl(region: string, scheme: 'socks5' | 'http' = 'socks5'): string {
    return `${scheme}://127.0.0.1:${this.#plan.egress(region)}`
  }

  goEnv(region: string): Record<string, string> {
    const url = this.egressUrl(region)
    // Both spellings: Go falls back to the lower one when the upper is empty, and a user's own no_proxy would be a leak.
    return { HTTP_PROXY: url, HTTPS_PROXY: url, http_proxy: url, https_proxy: url, NO_PROXY: '', no_proxy: '' }
  }

  grpcEnv(region: string): Record<string, string> {
    return { grpc_proxy: this.egressUrl(region, 'http'), no_grpc_proxy: '127.0.0.1,localhost' }
  }

  async calibrate(options: { readonly samples?: number } = {}): Promise<Calibration> {
    return calibrate({
      ...options,
      regions: this.regions,
      egressPort: (region) => this.#plan.egress(region),
      nominalRttMs: this.#matrix.emulatedRttMs,
    })
  }

  async canary(a: string, b: string, style: CutStyle = 'blackhole'): Promise<CanaryReport> {
    return canary(a, b, {
      style,
      links: this.links,
      egressPort: (region) => this.#plan.egress(region),
      rttMs: this.#matrix.emulatedRttMs(a, b),
      nonce: `c${++this.#canaries}`,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#front[Symbol.asyncDispose]()
  }
}
