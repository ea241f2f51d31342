import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'

/** The rows found when everything had ended, by keyspace and key. */
export class FinalState {
  readonly rowCount: number
  readonly #rows = new Map<string, EventOf<'row'>>()
  readonly #scanned: ReadonlySet<string>
  /** Keys that the reading delivered twice: then it says nothing about what is stored. */
  readonly repeated: readonly string[]

  constructor(history: readonly HistoryEvent[]) {
    const repeated: string[] = []
    const rows = eventsOf(history, 'row')
    for (const row of rows) {
      const name = nameOf(row)
      if (this.#rows.has(name)) repeated.push(name)
      this.#rows.set(name, row)
    }
    this.rowCount = rows.length
    this.repeated = repeated
    const complete = eventsOf(history, 'scan').filter(
      ({ keyspace, rows: count }) => rows.filter((row) => row.keyspace === keyspace).length === count,
    )
    this.#scanned = new Set(complete.map(({ keyspace }) => keyspace))
  }

  /** Whether the keyspace was read to its end, so that a missing row means something. */
  complete(keyspace: string): boolean {
    return this.#scanned.has(keyspace)
  }

  /** @param name `<keyspace>/<key>` */
  at(name: string): EventOf<'row'> | undefined {
    return this.#rows.get(name)
  }

  row(place: Place): EventOf<'row'> | undefined {
    return this.#rows.get(nameOf(place))
  }
}

interface Place {
  readonly keyspace: string
  readonly key: string
}

export const nameOf = ({ keyspace, key }: Place): string => `${keyspace}/${key}`
