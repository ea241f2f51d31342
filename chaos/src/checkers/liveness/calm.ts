import type { HistoryEvent } from '../../history/event.ts'
import { faultsOf, NS_PER_MS } from '../run-facts.ts'
import type { FaultInterval } from '../run-facts.ts'

/** A process that was killed and is not told to be back disturbs others for as long as a failover may take. */
const KILL_DISTURBS_MS = 10_000

/** When nothing disturbs the run, so that bounds hold. Times in nanoseconds. */
export class Calm {
  readonly faults: readonly FaultInterval[]
  /** Of the last event: what would have come later is not known. */
  readonly endOfRun: number

  constructor(history: readonly HistoryEvent[]) {
    this.faults = faultsOf(history).map((fault) =>
      fault.fault === 'kill' && fault.to === Infinity
        ? { ...fault, to: fault.from + KILL_DISTURBS_MS * NS_PER_MS }
        : fault,
    )
    this.endOfRun = history.reduce((latest, { t }) => Math.max(latest, t), Number.NEGATIVE_INFINITY)
  }

  /**
   * The first time from `t` on after which nothing else happens for `spanMs`.
   *
   * @param except the fault whose consequences are being timed
   * @returns undefined if that never came
   */
  from(t: number, spanMs: number, except?: string): number | undefined {
    const others = this.faults
      .filter(({ id, from, to }) => id !== except && to > t && from !== to)
      .toSorted((a, b) => a.from - b.from)
    let start = t
    for (const { from, to } of others) {
      if (from >= start + spanMs * NS_PER_MS) break
      start = Math.max(start, to)
    }
    return start === Infinity ? undefined : start
  }

  /** Whether `target` was killed between the two. */
  killed(target: string, from: number, to: number): boolean {
    return this.faults.some(
      (each) => each.fault === 'kill' && each.target === target && from <= each.from && each.from <= to,
    )
  }
}

export const msBetween = (from: number, to: number): number => (to - from) / NS_PER_MS
