import type { Revision } from '@meridian/topology'
import type { WatchEvent, WatchOptions } from '../store.ts'
import type { Bell } from './bell.ts'
import type { MemoryFaults } from './faults.ts'
import type { History } from './history.ts'

/** Follows the history from the caller's revision on; `closed` is the end of the client. */
export async function* watchHistory(
  history: History,
  bell: Bell,
  faults: MemoryFaults,
  options: WatchOptions,
  closed: AbortSignal,
): AsyncGenerator<WatchEvent, void> {
  const { prefixes, onConnection } = options
  const ended = AbortSignal.any([options.signal, closed])
  let cursor = options.fromRevision > 0n ? options.fromRevision : 1n
  let toldRevision = 0n
  let connected = false
  let cutsSeen = faults.cuts
  while (!ended.aborted) {
    if (connected && (faults.isolated || cutsSeen !== faults.cuts)) {
      connected = false
      onConnection?.('lost', new Error('cut by a fault'))
    }
    cutsSeen = faults.cuts
    if (faults.isolated) {
      await bell.wait(ended)
      continue
    }
    if (!connected) {
      connected = true
      onConnection?.('connected')
    }
    if (cursor < history.compactRevision) {
      yield { kind: 'compacted', compactRevision: history.compactRevision }
      return
    }
    const entry = history.entry(cursor as Revision)
    if (entry !== undefined) {
      cursor = entry.revision + 1n
      const changes = entry.changes.filter(({ key }) => prefixes.some((prefix) => key.startsWith(prefix)))
      if (changes.length > 0) {
        toldRevision = entry.revision
        yield { kind: 'changes', revision: entry.revision, changes }
      }
    } else if (cursor <= history.revision + 1n && toldRevision < history.revision) {
      toldRevision = history.revision
      yield { kind: 'progress', revision: history.revision }
    } else {
      await bell.wait(ended)
    }
  }
}
