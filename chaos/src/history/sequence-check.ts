import type { Stamp } from './event.ts'

/** Follows the numbers of each life of each process; they may be interleaved with those of others, but have no gap. */
export class SequenceCheck {
  readonly #last = new Map<string, number>()

  /** @returns what is wrong with the event's number, if anything */
  next({ proc, pinc, seq }: Stamp): string | undefined {
    const life = `${proc} ${pinc}`
    const due = (this.#last.get(life) ?? 0) + 1
    if (seq === due) {
      this.#last.set(life, seq)
      return undefined
    }
    return `seq ${seq} where ${due} was due, in life ${pinc} of ${proc}`
  }
}
