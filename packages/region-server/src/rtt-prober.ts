import type { RegionServers } from '@meridian/deploy'
import type { Clock, Logger } from '@meridian/loop'
import { ProbeServiceDefinition, TaxServiceDefinition } from '@meridian/protocol'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import { RttMatrix, RttWindow } from '@meridian/tax'
import type { RttSummary } from '@meridian/tax'
import { isMeridianError, MeridianError } from '@meridian/topology'

const PROBE_EVERY_MS = 2000
/** Answers before a round trip is told, and the pause between these: the smallest of a few is no queue at a start. */
const FIRST_SAMPLES = 10
const FIRST_PROBES_EVERY_MS = 250
const EXCHANGE_EVERY_MS = 10_000
/** Until a region has told its round trips for the first time. */
const FIRST_EXCHANGE_EVERY_MS = 1000
/** Longer than any round trip on earth; later answers tell of an outage and not of distance. */
const ANSWER_MS_MAX = 2000

export interface RttProberOptions {
  /** Own region. */
  readonly region: string
  readonly regions: readonly RegionServers[]
  readonly pool: ChannelPool
  readonly clock: Clock
  /** Wall clock, microseconds since the epoch. */
  readonly wallUs: () => bigint
  readonly random: () => number
  readonly log: Logger
}

const hasSettled = (summary: RttSummary | undefined): boolean => (summary?.samples ?? 0) >= FIRST_SAMPLES

/**
 * Measures the round trips to one server of each other region by small unary calls on the connections there are anyway,
 * and learns from these servers what they measured, so that every server knows the whole matrix. The first answer on a
 * connection is left out, since it paid for the connection.
 */
export class RttProber {
  readonly matrix: RttMatrix
  readonly #options: RttProberOptions

  constructor(options: RttProberOptions) {
    this.#options = options
    this.matrix = new RttMatrix({ nowMs: () => options.clock.nowMs() })
  }

  /** Until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { region, regions } = this.#options
    const others = regions.filter((other) => other.id !== region && other.servers.length > 0)
    await Promise.all(others.flatMap((other) => [this.#probe(other, signal), this.#exchange(other, signal)]))
  }

  async #probe({ id, servers }: RegionServers, signal: AbortSignal): Promise<void> {
    const { region, clock } = this.#options
    const window = new RttWindow()
    let at = 0
    let isWarm = false
    while (!signal.aborted) {
      try {
        const sample = await this.#sample(id, servers[at % servers.length] ?? '', signal)
        if (isWarm) window.record(sample)
        isWarm = true
        const summary = window.summary(clock.nowMs())
        if (summary !== undefined && hasSettled(summary)) this.matrix.put(region, id, summary)
      } catch (error) {
        this.#failed('probe', id, error, signal)
        at += 1
        isWarm = false
      }
      if (signal.aborted) return
      const isSettling = isWarm && !hasSettled(window.summary(clock.nowMs()))
      await this.#pause(isSettling ? FIRST_PROBES_EVERY_MS : PROBE_EVERY_MS, signal)
    }
  }

  async #sample(target: string, address: string, signal: AbortSignal) {
    const { region, pool, clock, wallUs } = this.#options
    const client = clientOf(ProbeServiceDefinition, pool.channel(address))
    const sentUs = wallUs()
    const sentMs = clock.nowMs()
    const answer = await client.probe({ source: region, sentUs }, { timeoutMs: ANSWER_MS_MAX, signal })
    const atMs = clock.nowMs()
    if (answer.region !== target) {
      throw new MeridianError('CONFIG_INVALID', `${address} is of region ${answer.region}, not of ${target}`)
    }
    return { atMs, rttMs: atMs - sentMs, sentUs, receivedUs: answer.receivedUs }
  }

  async #exchange({ id, servers }: RegionServers, signal: AbortSignal): Promise<void> {
    const { region, pool } = this.#options
    let at = 0
    let hasTold = false
    while (!signal.aborted) {
      try {
        const client = clientOf(TaxServiceDefinition, pool.channel(servers[at % servers.length] ?? ''))
        const { rtts } = await client.getRtt({}, { timeoutMs: ANSWER_MS_MAX, signal })
        for (const { source, target, ageMs, ...figures } of rtts) {
          // What this server measures itself it does not hear from others.
          if (source !== region) this.matrix.put(source, target, { ...figures, ageMs: Number(ageMs) })
          if (source === id) hasTold = true
        }
      } catch (error) {
        this.#failed('exchange', id, error, signal)
        at += 1
      }
      if (!signal.aborted) await this.#pause(hasTold ? EXCHANGE_EVERY_MS : FIRST_EXCHANGE_EVERY_MS, signal)
    }
  }

  #failed(what: string, target: string, error: unknown, signal: AbortSignal): void {
    if (signal.aborted) return
    if (!isMeridianError(error)) throw error
    this.#options.log.debug({ err: error, target, what }, 'round trips not told')
  }

  /** A quarter more or less, so that servers do not fall into step. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#options
    await clock.sleep(ms * (0.75 + random() * 0.5), signal).catch(() => {})
  }
}
