import type { HistoryEvent } from '../history/event.ts'
import { DeclaredLosses } from './declared-losses.ts'
import { finalLogsOf, trimmedTokenAt } from './final-logs.ts'
import type { FinalLog } from './final-logs.ts'
import { FinalState } from './final-state.ts'
import { isAnswered, operationsOf } from './operations.ts'
import type { Answered, Operation } from './operations.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I19: no acknowledged write is lost. Where a shard's log was copied, each is in it, at its index and with its
 * value. Where only the final state was read, for each key the acknowledged write with the highest index is in it, at that
 * index and with that value, unless a later write whose outcome is unknown took its place.
 *
 * Losses that a region declared when it returned are left to I22, which asks whether it was allowed to have them.
 */
export function checkAcknowledgedWrites(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const { logs, broken } = finalLogsOf(history)
  const declared = new DeclaredLosses(history)
  const operations = operationsOf(history).filter(({ tier, f }) => tier === 'data' && f !== 'read')
  const acknowledged = operations.filter(isAnswered)
  const kept = acknowledged.filter((write) => !declared.has(write))
  for (const copy of broken) findings.gap(`a copied log is not whole: ${copy}`)
  const places = new Map([...logs.values()].map((log) => [log.shard, placesIn(log)]))
  const elsewhere: Answered[] = []
  for (const write of kept) {
    const log = logs.get(write.shard)
    if (log === undefined) elsewhere.push(write)
    else checkInLog(write, log, places.get(write.shard) ?? new Map(), findings)
  }
  if (acknowledged.length === 0) findings.gap('no write was acknowledged')
  const state = new FinalState(history)
  const keys = checkInState(elsewhere, operations, state, findings)
  return findings.verdict(`${kept.length} acknowledged writes are all there`, {
    acknowledged: acknowledged.length,
    declared: acknowledged.length - kept.length,
    keys,
    rows: state.rowCount,
    logs: logs.size,
  })
}

/** What the log holds at an index, as `request key value`. */
function placesIn({ items }: FinalLog): ReadonlyMap<bigint, ReadonlySet<string>> {
  const places = new Map<bigint, Set<string>>()
  for (const { idx, request, key, value } of items) {
    places.set(idx, (places.get(idx) ?? new Set()).add(`${request} ${key} ${value}`))
  }
  return places
}

function checkInLog(
  { name, shard, key, value, idx, token }: Answered,
  log: FinalLog,
  places: ReadonlyMap<bigint, ReadonlySet<string>>,
  findings: Findings,
): void {
  const what = `${name} (${key}), acknowledged at index ${idx} of shard ${shard},`
  const { first, committed } = log
  if (idx < first) {
    const writer = trimmedTokenAt(log, idx)
    if (writer === undefined) findings.gap(`${what} lies below what was copied, from ${first} on`)
    else if (writer !== token) findings.violation(`${what} under ${token}, is gone: ${writer} wrote there`)
  } else if (idx > committed) findings.violation(`${what} is gone: the log ends at ${committed}`)
  else if (places.get(idx)?.has(`${name} ${key} ${value}`) !== true)
    findings.violation(`${what} is not there: ${[...(places.get(idx) ?? ['nothing'])].join(', ')}`)
}

/** Returns how many keys were looked at. */
function checkInState(
  writes: readonly Answered[],
  operations: readonly Operation[],
  state: FinalState,
  findings: Findings,
): number {
  const newest = new Map<string, Answered>()
  for (const write of writes) {
    const rival = newest.get(write.key)
    if (rival === undefined || rival.idx < write.idx) newest.set(write.key, write)
  }
  for (const keyspace of new Set([...newest.keys()].map(keyspaceOf))) {
    if (!state.complete(keyspace)) findings.gap(`keyspace ${keyspace} was not read to its end`)
  }
  if (state.repeated.length > 0) findings.gap(`the final reading has ${state.repeated[0]} twice`)
  const unknown = Map.groupBy(
    operations.filter(({ status }) => status === 'unknown'),
    ({ key }) => key,
  )
  for (const [key, { idx, value }] of newest) {
    if (!state.complete(keyspaceOf(key))) continue
    const row = state.at(key)
    if (row === undefined) findings.violation(`${key}, acknowledged at index ${idx}, is gone`)
    else if (BigInt(row.index) < idx)
      findings.violation(`${key}, acknowledged at index ${idx}, is back at index ${row.index}`)
    else if (BigInt(row.index) === idx && row.value !== value)
      findings.violation(`${key} at index ${idx} holds another value`)
    else if (
      BigInt(row.index) !== idx &&
      row.value !== value &&
      unknown.get(key)?.some((write) => write.value === row.value) !== true
    )
      findings.violation(`${key} at index ${row.index} holds a value that nobody sent after index ${idx}`)
  }
  return newest.size
}

const keyspaceOf = (name: string): string => name.slice(0, name.indexOf('/'))
