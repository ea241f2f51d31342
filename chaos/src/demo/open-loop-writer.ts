import type { DemoContext } from './demo-context.ts'
import type { RecordedClient } from './recorded-client.ts'
import { besideKey } from './shards.ts'
import type { KnownShard } from './shards.ts'

/** Writes waiting for their end at once; a write that would be one more is not sent, and counted. */
const OUTSTANDING_MAX = 4000
/**
 * Most writes wait out a failover. Of so many in a row one gives up before, and one gives up about when its answer is due,
 * in flight: what is then reported failed must surely have had no effect, and here is where that is hard to say.
 */
const KINDS = 10
const IMPATIENT = 9
const HASTY = 4
const PATIENCE_MS = 45_000
const IMPATIENCE_MS = 1500
const HASTE_MS = 10
/** Timers are not finer than this, so what is due is sent in small bunches. */
const TICK_MS = 10

export interface LoopWrite {
  /** When it was due; latency counts from then, whenever it was sent. */
  readonly dueMs: number
  readonly endMs: number
  readonly status: 'ok' | 'failed' | 'unknown'
}

export interface WriterOptions {
  readonly client: RecordedClient
  readonly shards: readonly KnownShard[]
  readonly context: Pick<DemoContext, 'keyspace' | 'clock' | 'signal'>
  /** Part of every key, so that no two writers share one. */
  readonly name: string
  readonly writesPerS: number
  /** Every write waits out what happens: for acts in which none may fail. */
  readonly patient?: boolean
}

/**
 * Writes at a fixed rate, each to a key of its own, over the shards in turn, whether or not earlier ones have been
 * answered: a closed loop would stop with the service and not see what it missed.
 */
export class OpenLoopWriter implements AsyncDisposable {
  readonly ended: LoopWrite[] = []
  /** Due and not sent, because too many were waiting. */
  unsent = 0
  issued = 0
  acknowledged = 0
  readonly #options: WriterOptions
  readonly #outstanding = new Set<Promise<void>>()
  readonly #stopping = new AbortController()
  #loop: Promise<void> | undefined
  #failure: unknown

  constructor(options: WriterOptions) {
    this.#options = options
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  /** Sends no more and waits for the end of what was sent. Idempotent. @throws what a write threw: a bug, since none should */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('stopped'))
    await this.#loop
    await Promise.all(this.#outstanding)
    if (this.#failure !== undefined) throw this.#failure
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #run(): Promise<void> {
    const { context, writesPerS } = this.#options
    const { clock } = context
    const signal = AbortSignal.any([context.signal, this.#stopping.signal])
    const begunMs = clock.nowMs()
    while (!signal.aborted) {
      const due = Math.floor(((clock.nowMs() - begunMs) / 1000) * writesPerS)
      while (this.issued + this.unsent < due) {
        const dueMs = begunMs + ((this.issued + this.unsent) / writesPerS) * 1000
        if (this.#outstanding.size < OUTSTANDING_MAX) this.#send(dueMs)
        else this.unsent += 1
      }
      // Aborted while asleep: the condition above ends the loop.
      await clock.sleep(TICK_MS, signal).catch(() => {})
    }
  }

  #send(dueMs: number): void {
    const { client, shards, context, name } = this.#options
    const shard = shards[this.issued % shards.length]
    if (shard === undefined) throw new Error('assertion: a writer without shards')
    const number = this.issued
    this.issued += 1
    const write = { key: besideKey(shard.anchor, `${name}-${number}`), value: Buffer.from(`${name} ${number}`) }
    const timeoutMs = this.#options.patient === true ? PATIENCE_MS : patienceMs(number)
    const sent = client
      .write(context.keyspace, [write], { timeoutMs, signal: context.signal })
      .then(([outcome]) => {
        if (outcome === undefined) return
        if (outcome.status === 'ok') this.acknowledged += 1
        this.ended.push({ dueMs, endMs: context.clock.nowMs(), status: outcome.status })
      })
      .catch((error: unknown) => {
        this.#failure ??= error
      })
    this.#outstanding.add(sent)
    void sent.then(() => this.#outstanding.delete(sent))
  }
}

function patienceMs(number: number): number {
  if (number % KINDS === IMPATIENT) return IMPATIENCE_MS
  return number % KINDS === HASTY ? HASTE_MS : PATIENCE_MS
}
