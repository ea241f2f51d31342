import type { Clock } from '@meridian/loop'
import { clockOf } from './machine-clock.ts'
import type { Machine } from './machine.ts'
import { SimRandom } from './random.ts'
import type { Scheduler } from './scheduler.ts'

/**
 * One life of a process. While it is stopped, whatever comes to it waits; once it is dead, nothing comes to it any more
 * and nothing it does reaches anybody. Its code is not told: its promises just never settle.
 */
export class Life {
  readonly process: SimProcess
  readonly number: number
  readonly clock: Clock
  readonly random: SimRandom
  /** The method whose handler runs its first turn; else empty. */
  handling = ''
  /** What the clock shows in place of what it should; for mutants. */
  bendClock: (nowMs: number) => number = (nowMs) => nowMs
  /** Told once, when this life ends by whatever cause. */
  readonly onEnd = new Set<() => void>()
  #state: 'running' | 'stopped' | 'dead' = 'running'
  #waiting: (() => void)[] = []

  constructor(process: SimProcess, number: number, random: SimRandom) {
    this.process = process
    this.number = number
    this.random = random
    const clock = clockOf(process.machine, (event) => this.deliver(event))
    this.clock = { ...clock, nowMs: () => this.bendClock(clock.nowMs()) }
  }

  get alive(): boolean {
    return this.#state !== 'dead'
  }

  get stopped(): boolean {
    return this.#state === 'stopped'
  }

  /** Runs `event` in this process now, when it goes on, or never. */
  deliver(event: () => void): void {
    if (this.#state === 'running') event()
    else if (this.#state === 'stopped') this.#waiting.push(event)
  }

  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped'
  }

  /** What waited comes one after the other, each in a turn of its own. */
  resume(scheduler: Scheduler): void {
    if (this.#state !== 'stopped') return
    const next = (): void => {
      if (this.#state !== 'stopped') return
      const event = this.#waiting.shift()
      if (event === undefined) {
        this.#state = 'running'
        return
      }
      event()
      scheduler.after(0.001, `${this.process.name} goes on`, next)
    }
    scheduler.after(0, `${this.process.name} goes on`, next)
  }

  end(): void {
    if (this.#state === 'dead') return
    this.#state = 'dead'
    this.#waiting = []
    for (const told of this.onEnd) told()
    this.onEnd.clear()
  }
}

export type ProcessKind = 'server' | 'node' | 'client'

/** A process over all its lives, on a machine of its own. */
export class SimProcess {
  readonly name: string
  readonly kind: ProcessKind
  readonly region: string
  readonly machine: Machine
  readonly #seed: number
  #life: Life | undefined
  #lives = 0

  constructor(name: string, kind: ProcessKind, region: string, machine: Machine, seed: number) {
    this.name = name
    this.kind = kind
    this.region = region
    this.machine = machine
    this.#seed = seed
  }

  /** Undefined while it does not run. */
  get life(): Life | undefined {
    return this.#life?.alive === true ? this.#life : undefined
  }

  get lives(): number {
    return this.#lives
  }

  begin(): Life {
    if (this.life !== undefined) throw new Error(`assertion: ${this.name} runs already`)
    this.#lives += 1
    this.#life = new Life(this, this.#lives, SimRandom.of(this.#seed, `${this.name} ${this.#lives}`))
    return this.#life
  }
}
