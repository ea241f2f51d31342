import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { FinalState, nameOf } from './final-state.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/** Safety I21: a write that was reported failed is nowhere, unless the very same value was written by another one. */
export function checkFailedWrites(history: readonly HistoryEvent[]): Verdict {
  const state = new FinalState(history)
  const findings = new Findings()
  const writes = eventsOf(history, 'write')
  const failed = writes.filter((write) => write.status === 'failed')
  const othersOf = new Set(
    writes.filter((write) => write.status !== 'failed').map((write) => `${nameOf(write)} ${write.value}`),
  )
  if (failed.length === 0) findings.gap('no write failed')
  for (const keyspace of new Set(failed.map((write) => write.keyspace))) {
    if (!state.complete(keyspace)) findings.gap(`keyspace ${keyspace} was not read to its end`)
  }
  for (const write of failed) {
    const row = state.row(write)
    if (row?.value === write.value && !othersOf.has(`${nameOf(write)} ${write.value}`))
      findings.violation(`${nameOf(write)} was reported failed (${write.code}) and is there at index ${row.index}`)
  }
  const unknown = writes.filter((write) => write.status === 'unknown').length
  return findings.verdict(`${failed.length} writes reported failed are nowhere`, { failed: failed.length, unknown })
}
