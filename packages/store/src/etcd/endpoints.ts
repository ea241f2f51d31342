import type { BackoffPolicy, Clock } from '@meridian/loop'
import { backoffMs } from '@meridian/loop'
import type { EtcdEndpoint } from './endpoint.ts'

/** How long a server that failed is asked last. Short at first: most failures are one lost connection. */
const AVOIDANCE: BackoffPolicy = { delayMsMin: 500, delayMsMax: 10_000 }

interface Standing {
  readonly endpoint: EtcdEndpoint
  failures: number
  avoidedUntilMs: number
}

/** Which server to ask: the nearest that has not failed lately; when all have, the one that failed longest ago. */
export class Endpoints {
  readonly #standings: readonly Standing[]
  readonly #clock: Clock
  readonly #random: () => number

  /** @param endpoints nearest first. */
  constructor(endpoints: readonly EtcdEndpoint[], clock: Clock, random: () => number) {
    this.#standings = endpoints.map((endpoint) => ({ endpoint, failures: 0, avoidedUntilMs: 0 }))
    this.#clock = clock
    this.#random = random
  }

  /** All of them, in the order in which to try. */
  order(): readonly EtcdEndpoint[] {
    const nowMs = this.#clock.nowMs()
    const sound = this.#standings.filter(({ avoidedUntilMs }) => avoidedUntilMs <= nowMs)
    const avoided = this.#standings.filter(({ avoidedUntilMs }) => avoidedUntilMs > nowMs)
    return [...sound, ...avoided.toSorted((a, b) => a.avoidedUntilMs - b.avoidedUntilMs)].map(
      ({ endpoint }) => endpoint,
    )
  }

  get nearest(): EtcdEndpoint | undefined {
    return this.#standings[0]?.endpoint
  }

  failed(endpoint: EtcdEndpoint): void {
    const standing = this.#of(endpoint)
    standing.avoidedUntilMs = this.#clock.nowMs() + backoffMs(AVOIDANCE, standing.failures, this.#random)
    standing.failures += 1
  }

  answered(endpoint: EtcdEndpoint): void {
    const standing = this.#of(endpoint)
    standing.failures = 0
    standing.avoidedUntilMs = 0
  }

  close(): void {
    for (const { endpoint } of this.#standings) endpoint.close()
  }

  #of(endpoint: EtcdEndpoint): Standing {
    const standing = this.#standings.find((candidate) => candidate.endpoint === endpoint)
    if (standing === undefined) throw new Error(`${endpoint.url} is none of ours`)
    return standing
  }
}
