/** Wakes everybody who waits. Check, then wait, without an `await` in between: no ring is missed that way. */
export class Bell {
  readonly #waiters = new Set<() => void>()

  ring(): void {
    const woken = [...this.#waiters]
    this.#waiters.clear()
    for (const wake of woken) wake()
  }

  /** Resolves at the next ring or when the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiters.add(wake)
      signal.addEventListener('abort', wake, { once: true })
      if (signal.aborted) wake()
    })
  }
}
