import { setTimeout as delay } from 'node:timers/promises'

import { isMeridianError, MeridianError } from '@meridian/topology'
import { z } from 'zod'

import { PROBE_PORT } from './front/probe-point.ts'
import type { Sighting } from './front/probe-point.ts'
import type { CutStyle, Links } from './links.ts'
import { Probe } from './probe.ts'
import { wanHost } from './wan-name.ts'

export interface CanaryReport {
  readonly a: string
  readonly b: string
  readonly style: CutStyle
  /** Nothing crossed the cut, and the echo came back after it: what is claimed about cuts of this pair may be. */
  readonly ok: boolean
  /** What crossed although the pair was cut; empty in a world that holds. */
  readonly leaks: readonly string[]
  /** Whether an echo crosses in both directions again after the heal. */
  readonly healed: boolean
  /** How long the cut was watched, ms. */
  readonly watchedMs: number
}

export interface CanaryOptions {
  /** What cuts and heals; any other part of the links is none of a canary's business. */
  readonly links: Pick<Links, 'state' | 'cutPair' | 'healPair'>
  readonly egressPort: (region: string) => number
  readonly rttMs: number
  /** Names this run's connections; two canaries at one time need two. */
  readonly nonce: string
  readonly style?: CutStyle
}

const ECHO_MS_MAX = 10_000
const WATCH_MS_MIN = 500
/** Bytes that had passed the link when the cut was confirmed may still be in socket buffers. */
const SETTLE_MS = 100
const MESSAGE = Buffer.from('canary')

/**
 * Cuts a pair and proves that nothing crosses it: neither bytes on connections that were there, asked for or not, in any of
 * the four ways (two proxies, two directions), nor new connections. Then heals it and proves that an echo crosses again.
 * That no echo returns would prove one of two ways only, so each side is asked, over its own egress, what arrived there.
 *
 * @throws MeridianError UNAVAILABLE when no echo crosses before the cut, INVALID_ARGUMENT when the pair is cut already.
 */
export async function canary(a: string, b: string, options: CanaryOptions): Promise<CanaryReport> {
  const { links, style = 'blackhole' } = options
  if (links.state(a, b).cut !== false || links.state(b, a).cut !== false) {
    throw new MeridianError('INVALID_ARGUMENT', `the pair ${a}, ${b} is cut already`)
  }
  const ways = [new Way(a, b, options), new Way(b, a, options)]
  const watchedMs = Math.max(WATCH_MS_MIN, 3 * options.rttMs)
  const leaks: string[] = []
  try {
    await Promise.all(ways.map((way) => way.connect()))
    await links.cutPair(a, b, style)
    await delay(SETTLE_MS)
    leaks.push(...(await Promise.all(ways.map((way) => way.watch(watchedMs)))).flat())
  } finally {
    await links.healPair(a, b)
    for (const way of ways) way.close()
  }
  const healed = (await Promise.all(ways.map((way) => way.echoes()))).every(Boolean)
  return { a, b, style, ok: healed && leaks.length === 0, leaks, healed, watchedMs }
}

const sightingSchema: z.ZodType<Sighting> = z.object({ connections: z.int(), bytes: z.int() })

/** What one region dialled in the other. */
class Way {
  readonly #source: string
  readonly #target: string
  readonly #options: CanaryOptions
  #existing: Probe | undefined
  #fresh: Probe | undefined

  constructor(source: string, target: string, options: CanaryOptions) {
    this.#source = source
    this.#target = target
    this.#options = options
  }

  async connect(): Promise<void> {
    // The target of a beat sends unasked: only so does the way back show by itself.
    this.#existing = await this.#open('beat', this.#target, 'old')
    this.#existing.send(MESSAGE)
    if ((await this.#existing.take(MESSAGE.length + 1, ECHO_MS_MAX)) === undefined) {
      throw new MeridianError('UNAVAILABLE', `no echo crosses from ${this.#source} to ${this.#target} before the cut`)
    }
  }

  async watch(watchedMs: number): Promise<string[]> {
    const existing = this.#existing
    if (existing === undefined) throw new Error('assertion: watch before connect')
    const before = { sent: await this.#arrived('old'), back: existing.pendingBytes }
    existing.send(MESSAGE)
    // Refused at once in a `refuse` cut, accepted into silence in a black hole; both are silence at the far side.
    this.#fresh = await this.#open('echo', this.#target, 'new').catch(() => undefined)
    this.#fresh?.send(MESSAGE)
    await delay(watchedMs)
    const arrivedOld = await this.#arrived('old')
    const arrivedNew = await this.#arrived('new')
    const link = `${this.#source}.${this.#target}`
    return [
      ...(arrivedOld.bytes > before.sent.bytes ? [`${link}: existing connection, outward`] : []),
      ...(existing.pendingBytes > before.back ? [`${link}: existing connection, return`] : []),
      ...(arrivedNew.connections + arrivedNew.bytes > 0 ? [`${link}: new connection, outward`] : []),
      ...((this.#fresh?.pendingBytes ?? 0) > 0 ? [`${link}: new connection, return`] : []),
    ]
  }

  async echoes(): Promise<boolean> {
    try {
      using probe = await this.#open('echo', this.#target, 'healed')
      return (await probe.roundTripMs(MESSAGE, ECHO_MS_MAX)) !== undefined
    } catch (error) {
      if (isMeridianError(error, 'UNAVAILABLE')) return false
      throw error
    }
  }

  close(): void {
    this.#existing?.close()
    this.#fresh?.close()
  }

  async #arrived(which: string): Promise<Sighting> {
    using probe = await this.#open('witness', this.#target, which, this.#target)
    return sightingSchema.parse(JSON.parse((await probe.takeAll(ECHO_MS_MAX)).toString()))
  }

  async #open(kind: string, target: string, which: string, from = this.#source): Promise<Probe> {
    const host = `${this.#options.nonce}-${this.#source}-${which}.${kind}.${wanHost(target)}`
    return Probe.open({ egressPort: this.#options.egressPort(from), host, port: PROBE_PORT, timeoutMs: ECHO_MS_MAX })
  }
}
