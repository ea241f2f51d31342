/** Virtual time: what was scheduled for one moment happens in the order it was scheduled. */
export class EventQueue {
  #nowMs = 0
  #sequence = 0
  /** A binary heap by (time, sequence). */
  readonly #heap: { readonly atMs: number; readonly sequence: number; readonly run: () => void }[] = []

  get nowMs(): number {
    return this.#nowMs
  }

  after(ms: number, run: () => void): void {
    this.#heap.push({ atMs: this.#nowMs + ms, sequence: this.#sequence++, run })
    for (let at = this.#heap.length - 1; at > 0;) {
      const parent = (at - 1) >> 1
      if (!this.#swapIfBefore(at, parent)) break
      at = parent
    }
  }

  /** Runs events until `done`, or until virtual time passes `untilMs`. */
  run(untilMs: number, done: () => boolean = () => false): void {
    while (!done()) {
      const next = this.#heap[0]
      if (next === undefined || next.atMs > untilMs) {
        this.#nowMs = untilMs
        return
      }
      this.#pop()
      this.#nowMs = next.atMs
      next.run()
    }
  }

  #pop(): void {
    const last = this.#heap.pop()
    if (last === undefined || this.#heap.length === 0) return
    this.#heap[0] = last
    for (let at = 0; ;) {
      const left = 2 * at + 1
      const smaller = left + 1 < this.#heap.length && this.#before(left + 1, left) ? left + 1 : left
      if (smaller >= this.#heap.length || !this.#swapIfBefore(smaller, at)) return
      at = smaller
    }
  }

  #before(a: number, b: number): boolean {
    const left = this.#heap[a]
    const right = this.#heap[b]
    if (left === undefined || right === undefined) return false
    return left.atMs < right.atMs || (left.atMs === right.atMs && left.sequence < right.sequence)
  }

  #swapIfBefore(child: number, parent: number): boolean {
    if (!this.#before(child, parent)) return false
    const held = this.#heap[child]
    const other = this.#heap[parent]
    if (held === undefined || other === undefined) return false
    this.#heap[child] = other
    this.#heap[parent] = held
    return true
  }
}
