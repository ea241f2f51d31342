import { waitFor } from '@meridian/testkit'
import type { Revision } from '@meridian/topology'
import type { Store, WatchEvent } from '../store.ts'
import { text } from './context.ts'

/** A watch that runs from its construction until disposed, and what it delivered. */
export class WatchRecorder implements AsyncDisposable {
  readonly events: WatchEvent[] = []
  readonly connections: string[] = []
  ended = false
  error: unknown
  readonly #stop = new AbortController()
  readonly #running: Promise<void>

  constructor(store: Store, fromRevision: Revision, ...prefixes: string[]) {
    this.#running = this.#run(store, fromRevision, prefixes)
  }

  /** `key=value` of every change in order, `key-` for deletions; changes of one revision joined by a comma. */
  get lines(): string[] {
    return this.events.flatMap((event) =>
      event.kind === 'changes'
        ? [
            event.changes
              .map(({ key, value }) => (value === undefined ? `${key}-` : `${key}=${text(value)}`))
              .toSorted()
              .join(','),
          ]
        : [],
    )
  }

  get revisions(): Revision[] {
    return this.events.flatMap((event) => (event.kind === 'changes' ? [event.revision] : []))
  }

  async until(what: string, holds: () => boolean, timeoutMs = 10_000): Promise<void> {
    await waitFor(what, holds, {
      timeoutMs,
      diagnose: () =>
        `${this.events.length} events, last lines ${this.lines.slice(-5).join(' | ')}; ${String(this.error)}`,
    })
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('stopped'))
    await this.#running
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #run(store: Store, fromRevision: Revision, prefixes: string[]): Promise<void> {
    try {
      const events = store.watch({
        fromRevision,
        prefixes,
        signal: this.#stop.signal,
        onConnection: (state) => this.connections.push(state),
      })
      for await (const event of events) this.events.push(event)
    } catch (error) {
      this.error = error
    }
    this.ended = true
  }
}
