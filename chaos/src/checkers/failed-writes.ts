import type { HistoryEvent } from '../history/event.ts'
import { finalLogsOf } from './final-logs.ts'
import { FinalState } from './final-state.ts'
import { operationsOf } from './operations.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I21: a write that was reported failed is nowhere, neither in a copied log nor in the final state, unless there the
 * very same value was written by another one.
 */
export function checkFailedWrites(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const state = new FinalState(history)
  const { logs } = finalLogsOf(history)
  const writes = operationsOf(history).filter(({ tier, f }) => tier === 'data' && f !== 'read')
  const failed = writes.filter(({ status }) => status === 'failed')
  const othersOf = new Set(
    writes.filter(({ status }) => status !== 'failed').map(({ key, value }) => `${key} ${value}`),
  )
  const logged = new Map(
    [...logs.values()].flatMap(({ shard, items }) =>
      items.map(({ request, idx }) => [request, `index ${idx} of shard ${shard}`] as const),
    ),
  )
  if (failed.length === 0) findings.gap('no write failed')
  const unread = new Set<string>()
  for (const { name, shard, key, value, code } of failed) {
    const place = logged.get(name)
    if (place !== undefined) findings.violation(`${key} (${name}) was reported failed (${code}) and is at ${place}`)
    const keyspace = key.slice(0, key.indexOf('/'))
    if (!logs.has(shard) && !state.complete(keyspace)) unread.add(keyspace)
    const row = state.at(key)
    if (row?.value === value && !othersOf.has(`${key} ${value}`))
      findings.violation(`${key} was reported failed (${code}) and is there at index ${row.index}`)
  }
  for (const keyspace of unread) findings.gap(`keyspace ${keyspace} was not read to its end`)
  const unknown = writes.filter(({ status }) => status === 'unknown').length
  return findings.verdict(`${failed.length} writes reported failed are nowhere`, { failed: failed.length, unknown })
}
