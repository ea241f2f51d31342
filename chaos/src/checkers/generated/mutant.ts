import type { EventKind, EventOf, HistoryEvent } from '../../history/event.ts'
import { numbered } from './timeline.ts'

/** One thing gone wrong in a history in which everything was right. */
export interface Mutant {
  readonly name: string
  /** Checkers each of which has to notice. */
  readonly caughtBy: readonly string[]
  /** @returns undefined where there is nothing to spoil */
  readonly spoil: (history: readonly HistoryEvent[], pick: number) => HistoryEvent[] | undefined
}

type Change<E> = (event: E, history: readonly HistoryEvent[]) => E | 'drop' | undefined

/** Changes one event of a kind, of those that `change` has an answer for. */
export function one<K extends EventKind>(kind: K, change: Change<EventOf<K>>): Mutant['spoil'] {
  return (history, pick) => {
    const candidates = history.flatMap((event, i) => {
      if (event.kind !== kind) return []
      // Narrowed by the field that was just compared.
      const changed = change(event as EventOf<K>, history)
      return changed === undefined ? [] : [{ i, changed }]
    })
    const chosen = candidates[pick % Math.max(1, candidates.length)]
    if (chosen === undefined) return undefined
    const { i, changed } = chosen
    return numbered(changed === 'drop' ? history.toSpliced(i, 1) : history.with(i, changed))
  }
}
