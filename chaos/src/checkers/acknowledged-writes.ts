import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { FinalState, nameOf } from './final-state.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I19: no acknowledged write is lost. For each key the acknowledged write with the highest index is in the final
 * state, at that index and with that value, unless a later write whose outcome is unknown took its place.
 */
export function checkAcknowledgedWrites(history: readonly HistoryEvent[]): Verdict {
  const state = new FinalState(history)
  const findings = new Findings()
  const newest = new Map<string, EventOf<'write'>>()
  const unknown = new Map<string, Set<string>>()
  let acknowledged = 0
  for (const write of eventsOf(history, 'write')) {
    const name = nameOf(write)
    if (write.status === 'ok') {
      acknowledged += 1
      const rival = newest.get(name)
      if (rival === undefined || BigInt(rival.index) < BigInt(write.index)) newest.set(name, write)
    } else if (write.status === 'unknown') {
      const values = unknown.get(name)
      if (values === undefined) unknown.set(name, new Set([write.value]))
      else values.add(write.value)
    }
  }
  if (acknowledged === 0) findings.gap('no write was acknowledged')
  for (const keyspace of new Set([...newest.values()].map((write) => write.keyspace))) {
    if (!state.complete(keyspace)) findings.gap(`keyspace ${keyspace} was not read to its end`)
  }
  if (state.repeated.length > 0) findings.gap(`the final reading has ${state.repeated[0]} twice`)
  for (const [name, write] of newest) {
    if (!state.complete(write.keyspace)) continue
    const row = state.row(write)
    if (row === undefined) findings.violation(`${name}, acknowledged at index ${write.index}, is gone`)
    else if (BigInt(row.index) < BigInt(write.index))
      findings.violation(`${name}, acknowledged at index ${write.index}, is back at index ${row.index}`)
    else if (row.index === write.index && row.value !== write.value)
      findings.violation(`${name} at index ${write.index} holds another value`)
    else if (row.index !== write.index && row.value !== write.value && unknown.get(name)?.has(row.value) !== true)
      findings.violation(`${name} at index ${row.index} holds a value that nobody sent after index ${write.index}`)
  }
  const counts = { acknowledged, keys: newest.size, rows: state.rowCount }
  return findings.verdict(`${acknowledged} acknowledged writes are all there`, counts)
}
