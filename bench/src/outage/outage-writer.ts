import type { MeridianClient } from '@meridian/client'
import type { Clock } from '@meridian/loop'
import type { Key } from '@meridian/topology'
import { KEYSPACE } from './outage-world.ts'

/** Longer than any outage that is measured: who gives up earlier would not see its end. */
const PATIENCE_MS = 120_000
const TICK_MS = 10
const OUTSTANDING_MAX = 20_000

export interface Ack {
  readonly slot: number
  /** When it was due; an outage counts for what was due in it, whenever it was sent. */
  readonly dueMs: number
  readonly endMs: number
}

export interface OutageWriterOptions {
  readonly client: MeridianClient
  /** Writes go to the slots in turn; a slot is a shard. */
  readonly slots: number
  readonly keyOf: (slot: number, number: number) => Key
  readonly writesPerS: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** Open loop: one write after the other at a fixed rate, each to a key of its own, whatever became of those before. */
export class OutageWriter implements AsyncDisposable {
  readonly acks: Ack[] = []
  failed = 0
  unknown = 0
  /** Due and not sent because too many were waiting: the rate was not kept. */
  unsent = 0
  readonly #options: OutageWriterOptions
  readonly #stopping = new AbortController()
  readonly #outstanding = new Set<Promise<void>>()
  #issued = 0
  #loop: Promise<void> | undefined

  constructor(options: OutageWriterOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** Sends no more, and resolves when all that was sent has ended. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loop
    await Promise.all(this.#outstanding)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  /** For each slot, when the first write due at or after `sinceMs` was acknowledged; undefined while none was. */
  servedSince(sinceMs: number): readonly (number | undefined)[] {
    const first = Array.from({ length: this.#options.slots }, (): number | undefined => undefined)
    for (const { slot, dueMs, endMs } of this.acks) {
      if (dueMs < sinceMs) continue
      const known = first[slot]
      if (known === undefined || endMs < known) first[slot] = endMs
    }
    return first
  }

  /** For each slot, the longest time between two acknowledged writes that ended in the interval. */
  gapsMs(fromMs: number, toMs: number): readonly number[] {
    const times = Array.from({ length: this.#options.slots }, (): number[] => [])
    for (const { slot, endMs } of this.acks) if (endMs >= fromMs && endMs <= toMs) times[slot]?.push(endMs)
    return times.map((ends) => {
      const sorted = ends.toSorted((a, b) => a - b)
      return Math.max(0, ...sorted.slice(1).map((end, i) => end - (sorted[i] ?? end)))
    })
  }

  async #run(): Promise<void> {
    const { clock, signal, writesPerS } = this.#options
    const both = AbortSignal.any([signal, this.#stopping.signal])
    const begunMs = clock.nowMs()
    while (!both.aborted) {
      const due = Math.floor(((clock.nowMs() - begunMs) / 1000) * writesPerS)
      while (this.#issued + this.unsent < due) {
        const dueMs = begunMs + ((this.#issued + this.unsent) / writesPerS) * 1000
        if (this.#outstanding.size < OUTSTANDING_MAX) this.#send(dueMs)
        else this.unsent += 1
      }
      await clock.sleep(TICK_MS, both).catch(() => {})
    }
  }

  #send(dueMs: number): void {
    const { client, keyOf, slots, clock, signal } = this.#options
    const number = this.#issued
    this.#issued += 1
    const slot = number % slots
    const write = { key: keyOf(slot, number), value: Buffer.from(String(number)) }
    const sent = client.write(KEYSPACE, [write], { timeoutMs: PATIENCE_MS, signal }).then(([outcome]) => {
      if (outcome?.status === 'ok') this.acks.push({ slot, dueMs, endMs: clock.nowMs() })
      else if (outcome?.status === 'failed') this.failed += 1
      else this.unknown += 1
    })
    this.#outstanding.add(sent)
    void sent.finally(() => this.#outstanding.delete(sent))
  }
}
