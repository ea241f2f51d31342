import { createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { finished } from 'node:stream/promises'
import type { HistoryEntry, HistoryEvent, Stamp } from './event.ts'
import { formatEvent } from './history-text.ts'

/** Nanoseconds of the host's monotonic clock; whole numbers of a double for the first hundred days after boot. */
export type HostClock = () => number

export const hostClock: HostClock = () => Number(process.hrtime.bigint())

/** One life of a process, which records under its own numbers. */
export type Life = Pick<Stamp, 'proc' | 'pinc'>

/** Text collected before it is handed to the file, characters. */
const CHUNK_CHARS = 256 * 1024

/**
 * Stamps what happened, keeps it for the checkers and, once it has a file, writes it there too. An event counts from
 * when it is recorded, so callers record an answer after it came, and take `now()` before they send.
 *
 * NOT promised: that a killed recorder leaves its last events in the file; the run has no verdicts then either.
 */
export class Recorder implements AsyncDisposable {
  readonly #clock: HostClock
  readonly #life: Life
  readonly #last = new Map<string, number>()
  readonly #events: HistoryEvent[] = []
  #stream: WriteStream | undefined
  #chunk = ''
  #act = ''
  #closed: Promise<void> | undefined
  #failure: Error | undefined

  /** @param life whose events are those that name no other */
  constructor(clock: HostClock, life: Life = { proc: 'main', pinc: 1 }) {
    this.#clock = clock
    this.#life = life
  }

  get events(): readonly HistoryEvent[] {
    return this.#events
  }

  /** Nanoseconds. */
  now(): number {
    return this.#clock()
  }

  /** What is recorded from now on belongs to `act`. */
  begin(act: string): void {
    this.#act = act
  }

  /** @param at when it happened, if that was noted before: nanoseconds as of `now` */
  record(entry: HistoryEntry, at: number = this.#clock()): HistoryEvent {
    return this.#add(this.#life, entry, at)
  }

  /** Replaces `file` by what was recorded so far and goes on there; its folder is made private to the user. */
  async writeTo(file: string): Promise<void> {
    if (this.#stream !== undefined) throw new Error('assertion: the recorder has a file')
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    this.#stream = createWriteStream(file, { mode: 0o600 })
    this.#stream.on('error', (error) => {
      this.#failure ??= error
    })
    this.#flush()
  }

  /** For another process, or another life, whose events this recorder keeps too: those of a simulation, or a child's. */
  of(life: Life): Pick<Recorder, 'record'> {
    return { record: (entry, at) => this.#add(life, entry, at ?? this.#clock()) }
  }

  #add({ proc, pinc }: Life, entry: HistoryEntry, t: number): HistoryEvent {
    const life = `${proc} ${pinc}`
    const seq = (this.#last.get(life) ?? 0) + 1
    this.#last.set(life, seq)
    const event: HistoryEvent = { t, proc, pinc, seq, act: this.#act, ...entry }
    this.#events.push(event)
    this.#chunk += formatEvent(event)
    if (this.#chunk.length >= CHUNK_CHARS) this.#flush()
    return event
  }

  /** @throws the error of the file, if it could not be written: a history without its file cannot be judged again */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    this.#flush()
    if (this.#stream === undefined) return
    this.#stream.end()
    await finished(this.#stream)
    if (this.#failure !== undefined) throw this.#failure
  }

  #flush(): void {
    if (this.#stream === undefined) return
    if (this.#chunk !== '') this.#stream.write(this.#chunk)
    this.#chunk = ''
  }
}
