import type { LogEntry } from '../replica/log-entry.ts'
import type { HistoryEntry } from './history.ts'

export function historyEntry(entry: LogEntry): HistoryEntry {
  const items = entry.items.map((item) => ({
    sequence: item.sequence,
    key: item.key as string,
    value: item.value === undefined ? undefined : Buffer.from(item.value).toString(),
  }))
  return { index: entry.index, token: entry.token, session: entry.session, items }
}
