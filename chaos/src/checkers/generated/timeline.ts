import type { HistoryEntry, HistoryEvent } from '../../history/event.ts'

/** Collects entries of several processes in any order, and makes the history that they would have recorded. */
export class Timeline {
  readonly #entries: { readonly t: number; readonly proc: string; readonly entry: HistoryEntry }[] = []

  at(t: number, proc: string, entry: HistoryEntry): void {
    this.#entries.push({ t, proc, entry })
  }

  history(): HistoryEvent[] {
    return numbered(
      this.#entries
        .toSorted((a, b) => a.t - b.t)
        .map(({ t, proc, entry }): HistoryEvent => ({ t, proc, pinc: 1, seq: 0, act: '', ...entry })),
    )
  }
}

/** The same events with numbers that have no gap, as after one was put in, taken out or changed. */
export function numbered(events: readonly HistoryEvent[]): HistoryEvent[] {
  const last = new Map<string, number>()
  return events.map((event) => {
    const life = `${event.proc} ${event.pinc}`
    const seq = (last.get(life) ?? 0) + 1
    last.set(life, seq)
    return { ...event, seq }
  })
}
