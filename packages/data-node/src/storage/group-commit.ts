/**
 * Collects everything that wants durability within one turn of the event loop and commits it at once: one fsync for
 * all of it. First in, first durable.
 */
export class GroupCommit<Write> {
  readonly #commit: (batch: readonly Write[]) => void
  readonly #onFailure: (error: unknown) => void
  #waiting: { readonly writes: Write[]; readonly done: Promise<void>; readonly resolve: () => void } | undefined
  #failed = false

  /**
   * @param commit makes the batch durable before it returns, whole or not at all
   * @param onFailure must end the process: after a failed commit nobody knows what the disk holds, so nothing that
   *   waited is ever answered and nothing more is committed
   */
  constructor(commit: (batch: readonly Write[]) => void, onFailure: (error: unknown) => void) {
    this.#commit = commit
    this.#onFailure = onFailure
  }

  /** Resolves once `write` and everything added before it is durable; never rejects. */
  add(write: Write): Promise<void> {
    this.#waiting ??= this.#begin()
    this.#waiting.writes.push(write)
    return this.#waiting.done
  }

  /** Resolves once everything added so far is durable. */
  settled(): Promise<void> {
    if (this.#failed) return new Promise(() => {})
    return this.#waiting?.done ?? Promise.resolve()
  }

  /** Commits now what waits. */
  flush(): void {
    const batch = this.#waiting
    if (batch === undefined || this.#failed) return
    this.#waiting = undefined
    try {
      this.#commit(batch.writes)
    } catch (error) {
      this.#failed = true
      this.#onFailure(error)
      return
    }
    batch.resolve()
  }

  #begin() {
    const { promise, resolve } = Promise.withResolvers<void>()
    setImmediate(() => this.flush())
    return { writes: [], done: promise, resolve }
  }
}
