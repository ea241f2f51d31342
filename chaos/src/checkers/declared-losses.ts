import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { nameOfRequest } from './operations.ts'

/** Requests that some quarantine report names. */
export function declaredLosses(history: readonly HistoryEvent[]): ReadonlySet<string> {
  return new Set(eventsOf(history, 'quarantine.report').flatMap(({ entries }) => entries.map(nameOfRequest)))
}
