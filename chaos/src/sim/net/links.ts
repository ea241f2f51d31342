import type { SimRandom } from '../kernel/random.ts'
import type { Scheduler } from '../kernel/scheduler.ts'
import { rttMs } from './geography.ts'

/** One end of a link: a process, or a member of a store. */
export interface Place {
  readonly name: string
  readonly region: string
}

/** What is wrong on the way between two places. */
export interface LinkTrouble {
  /** Share of messages that do not arrive. */
  readonly loss: number
  /** Share of requests that arrive twice. */
  readonly repeat: number
  /** Further delay, ms: uniform up to this. */
  readonly delayMs: number
}

export const NO_TROUBLE: LinkTrouble = { loss: 0, repeat: 0, delayMs: 0 }

/** Which messages arrive, and when: cuts by place or by region, one way or both, and trouble on the rest. */
export class Links {
  readonly #scheduler: Scheduler
  readonly #random: SimRandom
  /** Since when, by `from>to`; either side is a place, a region, or `*`. */
  readonly #cuts = new Map<string, { count: number; readonly sinceMs: number }>()
  readonly #troubles = new Map<string, LinkTrouble>()
  readonly #watchers = new Set<() => void>()

  constructor(scheduler: Scheduler, random: SimRandom) {
    this.#scheduler = scheduler
    this.#random = random
  }

  /** Cuts may overlap: a link is whole again when each was healed. Names are places, regions or `*`. */
  cut(from: string, to: string): void {
    const key = `${from}>${to}`
    const cut = this.#cuts.get(key)
    if (cut === undefined) this.#cuts.set(key, { count: 1, sinceMs: this.#scheduler.nowMs })
    else cut.count += 1
    this.#changed()
  }

  heal(from: string, to: string): void {
    const key = `${from}>${to}`
    const cut = this.#cuts.get(key)
    if (cut === undefined) throw new Error(`assertion: ${key} is not cut`)
    cut.count -= 1
    if (cut.count === 0) this.#cuts.delete(key)
    this.#changed()
  }

  /** @param pair `from>to`, of regions, which may be the same */
  trouble(pair: string, trouble: LinkTrouble | undefined): void {
    if (trouble === undefined) this.#troubles.delete(pair)
    else this.#troubles.set(pair, trouble)
  }

  /** Called after each change of the cuts. */
  onChange(told: () => void): void {
    this.#watchers.add(told)
  }

  /** Since when nothing passes from one to the other; undefined while it does. */
  cutSince(from: Place, to: Place): number | undefined {
    if (this.#cuts.size === 0 || from.name === to.name) return undefined
    let since: number | undefined
    for (const key of keysOf(from, to)) {
      const cut = this.#cuts.get(key)
      if (cut !== undefined && (since === undefined || cut.sinceMs < since)) since = cut.sinceMs
    }
    return since
  }

  passes(from: Place, to: Place): boolean {
    return this.cutSince(from, to) === undefined
  }

  /** Both ways. */
  connected(a: Place, b: Place): boolean {
    return this.passes(a, b) && this.passes(b, a)
  }

  troubleOf(from: Place, to: Place): LinkTrouble {
    if (this.#troubles.size === 0) return NO_TROUBLE
    // Also of a region with itself.
    return this.#troubles.get(`${from.region}>${to.region}`) ?? NO_TROUBLE
  }

  /** Whether one message is lost now. */
  loses(from: Place, to: Place): boolean {
    const { loss } = this.troubleOf(from, to)
    return loss > 0 && this.#random.chance(loss)
  }

  repeats(from: Place, to: Place): boolean {
    const { repeat } = this.troubleOf(from, to)
    return repeat > 0 && this.#random.chance(repeat)
  }

  /** One way, for one message: half a round trip and a little more, and what trouble adds. */
  delayMs(from: Place, to: Place): number {
    const halfMs = rttMs(from.region, to.region) / 2
    const { delayMs } = this.troubleOf(from, to)
    return halfMs * (1 + 0.03 * this.#random.next()) + (delayMs > 0 ? this.#random.next() * delayMs : 0)
  }

  #changed(): void {
    for (const told of this.#watchers) told()
  }
}

function keysOf(from: Place, to: Place): string[] {
  const keys = [
    `${from.name}>${to.name}`,
    `${from.name}>*`,
    `*>${to.name}`,
    `${from.name}>${to.region}`,
    `${from.region}>${to.name}`,
  ]
  // A region is cut off from others, never from itself.
  if (from.region !== to.region) keys.push(`${from.region}>${to.region}`, `${from.region}>*`, `*>${to.region}`)
  return keys
}
