import type { EventKind, HistoryEvent } from '../history/event.ts'
import type { Verdict } from './verdict.ts'

/** One claim about a history, and the program that checks it. */
export interface Checker {
  /** Of the safety reference: `I1`, `J3`; empty for what only supports others. */
  readonly invariant: string
  /** Unique; sample histories are named after it. */
  readonly name: string
  readonly says: string
  /** Without an event of one kind of each group there is nothing to check. */
  readonly needs: readonly (readonly EventKind[])[]
  readonly check: (history: readonly HistoryEvent[]) => Verdict
}

export interface Judged extends Verdict {
  readonly invariant: string
  readonly name: string
  readonly says: string
}

/** What keeps the checker from having anything to say; undefined if nothing does. */
export function missingFor({ needs }: Pick<Checker, 'needs'>, recorded: ReadonlySet<EventKind>): string | undefined {
  const missing = needs.filter((kinds) => !kinds.some((kind) => recorded.has(kind)))
  return missing.length === 0 ? undefined : missing.map((kinds) => kinds.join(' or ')).join(', and ')
}

/** A checker that throws says nothing. */
export function verdictOf({ check }: Pick<Checker, 'check'>, history: readonly HistoryEvent[]): Verdict {
  try {
    return check(history)
  } catch (error) {
    const why = `the checker failed: ${error instanceof Error ? error.message : String(error)}`
    return { verdict: 'unknown', why, counts: {} }
  }
}
