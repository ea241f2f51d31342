import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { nameOfRequest } from './operations.ts'
import type { Answered } from './operations.ts'

/** What quarantine reports name: requests, each with the index that it had. The same request may be kept at another. */
export class DeclaredLosses {
  readonly #places: ReadonlySet<string>

  constructor(history: readonly HistoryEvent[]) {
    const reports = eventsOf(history, 'quarantine.report')
    this.#places = new Set(
      reports.flatMap(({ entries }) => entries.map((entry) => `${nameOfRequest(entry)} ${entry.idx}`)),
    )
  }

  has({ name, idx }: Pick<Answered, 'name' | 'idx'>): boolean {
    return this.#places.has(`${name} ${idx}`)
  }
}
