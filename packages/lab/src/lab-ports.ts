import { MeridianError } from '@meridian/topology'

import { listen } from './front/listen.ts'

/** A plain listener in `source` on `listenPort` that leads over the link to `targetHost:targetPort`. */
export interface Forward {
  readonly source: string
  /** `<region>.wan.test`, with or without labels before it. */
  readonly targetHost: string
  readonly targetPort: number
  readonly listenPort: number
  /** Only the NATS gateway of the source may pass; anybody's connection otherwise. */
  readonly gatewayOnly: boolean
}

/** Loopback ports. `n` regions take `n` from each of `egressBase` and `ingressBase` and `n * (n - 1)` from `pairBase`. */
export interface LabPorts {
  readonly toxiproxyApi: number
  readonly pairBase: number
  readonly egressBase: number
  readonly ingressBase: number
  readonly forwards: readonly Forward[]
}

export interface PortUse {
  readonly port: number
  /** For people: `link us-east to eu-west`. */
  readonly what: string
}

const PORT_MAX = 65_535

/** Which port serves what, in a world of these regions in this order. */
export class PortPlan {
  readonly #ports: LabPorts
  readonly #regions: readonly string[]

  constructor(regions: readonly string[], ports: LabPorts) {
    this.#regions = regions
    this.#ports = ports
  }

  egress(region: string): number {
    return this.#ports.egressBase + this.#index(region)
  }

  ingress(region: string): number {
    return this.#ports.ingressBase + this.#index(region)
  }

  link(source: string, target: string): number {
    const [from, to] = [this.#index(source), this.#index(target)]
    if (from === to) throw new Error(`assertion: no link from ${source} to itself`)
    return this.#ports.pairBase + from * (this.#regions.length - 1) + (to < from ? to : to - 1)
  }

  /** Every port the lab listens on. */
  all(): PortUse[] {
    return [
      { port: this.#ports.toxiproxyApi, what: 'API of toxiproxy' },
      ...this.#regions.flatMap((region) => [
        { port: this.egress(region), what: `egress of ${region}` },
        { port: this.ingress(region), what: `ingress of ${region}` },
        ...this.#regions
          .filter((target) => target !== region)
          .map((target) => ({ port: this.link(region, target), what: `link ${region} to ${target}` })),
      ]),
      ...this.#ports.forwards.map((forward) => ({
        port: forward.listenPort,
        what: `forward from ${forward.source} to ${forward.targetHost}:${forward.targetPort}`,
      })),
    ]
  }

  #index(region: string): number {
    const index = this.#regions.indexOf(region)
    if (index === -1) throw new MeridianError('REGION_UNKNOWN', `region ${JSON.stringify(region)} is not in this lab`)
    return index
  }
}

/**
 * Refuses a plan that uses a port twice or uses one that somebody else has. A port can be taken between this and its use;
 * the later failure names the port as well.
 *
 * @throws MeridianError CONFIG_INVALID, PORT_IN_USE.
 */
export async function assertPortsFree(uses: readonly PortUse[]): Promise<void> {
  const seen = new Map<number, string>()
  for (const { port, what } of uses) {
    if (!Number.isInteger(port) || port < 1 || port > PORT_MAX)
      throw new MeridianError('CONFIG_INVALID', `${port} (${what}) is no port`)
    const other = seen.get(port)
    if (other !== undefined)
      throw new MeridianError('CONFIG_INVALID', `port ${port} is meant for two: ${other}, ${what}`)
    seen.set(port, what)
  }
  for (const { port, what } of uses) {
    const server = await listen(port, what, (socket) => socket.destroy())
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
    })
  }
}
