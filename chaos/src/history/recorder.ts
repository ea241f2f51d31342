import { createWriteStream } from 'node:fs'
import type { WriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { finished } from 'node:stream/promises'
import type { HistoryEntry, HistoryEvent } from './event.ts'
import { formatEvent } from './history-text.ts'

/** Nanoseconds of the host's monotonic clock; whole numbers of a double for the first hundred days after boot. */
export type HostClock = () => number

export const hostClock: HostClock = () => Number(process.hrtime.bigint())

/** Text collected before it is handed to the file, characters. */
const CHUNK_CHARS = 256 * 1024

/**
 * Stamps what happened, keeps it for the checkers and writes it to a file. An event counts from when it is recorded,
 * so callers record an answer after it came, and take `now()` before they send.
 *
 * NOT promised: that a killed recorder leaves its last events in the file; the run has no verdicts then either.
 */
export class Recorder implements AsyncDisposable {
  readonly #clock: HostClock
  readonly #events: HistoryEvent[] = []
  readonly #stream: WriteStream
  #chunk = ''
  #act = ''
  #closed: Promise<void> | undefined
  #failure: Error | undefined

  private constructor(stream: WriteStream, clock: HostClock) {
    this.#stream = stream
    this.#clock = clock
    stream.on('error', (error) => {
      this.#failure ??= error
    })
  }

  /** Replaces `file`; its folder is made private to the user. */
  static async open(file: string, clock: HostClock): Promise<Recorder> {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    return new Recorder(createWriteStream(file, { mode: 0o600 }), clock)
  }

  get events(): readonly HistoryEvent[] {
    return this.#events
  }

  now(): number {
    return this.#clock()
  }

  begin(act: string): void {
    this.#act = act
  }

  record(entry: HistoryEntry): HistoryEvent {
    const event: HistoryEvent = { t: this.#clock(), seq: this.#events.length + 1, act: this.#act, ...entry }
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
    this.#stream.end()
    await finished(this.#stream)
    if (this.#failure !== undefined) throw this.#failure
  }

  #flush(): void {
    if (this.#chunk !== '') this.#stream.write(this.#chunk)
    this.#chunk = ''
  }
}
