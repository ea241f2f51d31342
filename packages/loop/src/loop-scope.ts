import type { Logger } from './logger.ts'

/**
 * Owns the loops of one component: each is an async function that runs until the signal, and disposal aborts the
 * signal and waits for all of them. A loop that throws while the scope is open is a bug or lost ground, so it is
 * reported once through `onFailure` and never silently restarted.
 */
export class LoopScope {
  readonly #controller = new AbortController()
  readonly #running = new Set<Promise<void>>()
  readonly #log: Logger
  readonly #onFailure: (loop: string, error: unknown) => void

  constructor(log: Logger, onFailure: (loop: string, error: unknown) => void = () => {}) {
    this.#log = log
    this.#onFailure = onFailure
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Starts `loop`; it must return or throw soon after `signal` aborts. */
  start(name: string, loop: (signal: AbortSignal) => Promise<void>): void {
    const running = (async () => {
      try {
        await loop(this.signal)
      } catch (error) {
        if (this.signal.aborted) return
        this.#log.error({ err: error, loop: name }, 'loop failed')
        this.#onFailure(name, error)
      }
    })()
    this.#running.add(running)
    void running.finally(() => this.#running.delete(running))
  }

  /** Idempotent; a second call awaits the same end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#controller.abort(new Error('closed'))
    await Promise.all(this.#running)
  }
}
