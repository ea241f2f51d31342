import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { DeclaredLosses } from './declared-losses.ts'
import { finalLogsOf } from './final-logs.ts'
import type { FinalLog } from './final-logs.ts'
import { FinalState } from './final-state.ts'
import { isAnswered, nameOfRequest, operationsOf } from './operations.ts'
import type { Answered, Operation } from './operations.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I20: each write is applied at most once, through retries and failovers. Four witnesses:
 * - an acknowledged write sent again is recognised and answered with the index it had;
 * - a row stands at the very index its write was acknowledged at: applying it again would have moved it;
 * - one place in a shard's log belongs to one session, and within it each write has one place;
 * - in a copied log each request is applied once, where it was acknowledged.
 *
 * What a region declared as lost has no place any more, and may be applied once more.
 */
export function checkAtMostOnce(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const all = operationsOf(history).filter(({ tier, f }) => tier === 'data' && f !== 'read')
  const declared = new DeclaredLosses(history)
  const writes = all.filter(isAnswered).filter((write) => !declared.has(write))
  const resends = eventsOf(history, 'resend')
  const { logs } = finalLogsOf(history)
  checkResends(writes, resends, findings)
  const rows = checkRows(history, all, writes, findings)
  const places = checkPlaces(writes, findings)
  const [entries, repetitions] = checkLogs([...logs.values()], writes, findings)
  const recognised = writes.filter(({ duplicate }) => duplicate).length
  const tried = resends.length + recognised + repetitions
  if (writes.length === 0) findings.gap('no write was acknowledged')
  if (tried === 0) findings.gap('no write was sent again')
  if (rows + entries === 0) findings.gap('no row of the final state and no log belongs to an acknowledged write')
  const counts = {
    acknowledged: writes.length,
    resends: resends.length,
    recognised,
    repetitions,
    rows,
    entries,
    places,
  }
  return findings.verdict(
    `${tried} writes sent again were recognised; ${rows} rows and ${entries} entries stand where acknowledged`,
    counts,
  )
}

function checkResends(writes: readonly Answered[], resends: readonly EventOf<'resend'>[], findings: Findings): void {
  const indexes = new Map<string, bigint>()
  for (const { name, idx } of writes) {
    const known = indexes.get(name)
    if (known !== undefined && known !== idx)
      findings.violation(`write ${name} was acknowledged at ${known} and at ${idx}`)
    indexes.set(name, idx)
  }
  for (const resend of resends) {
    const name = nameOfRequest({ client: resend.session, cseq: resend.sequence })
    const index = indexes.get(name)
    if (index === undefined) findings.gap(`write ${name} was sent again but never acknowledged before`)
    else if (!resend.duplicate) findings.violation(`write ${name}, sent again, was applied again at ${resend.index}`)
    else if (BigInt(resend.index) !== index)
      findings.violation(`write ${name}, sent again, was answered with index ${resend.index} instead of ${index}`)
  }
}

/** Only keys written once: of others an earlier write may rightly stand elsewhere. Returns how many were looked at. */
function checkRows(
  history: readonly HistoryEvent[],
  all: readonly Operation[],
  writes: readonly Answered[],
  findings: Findings,
): number {
  const state = new FinalState(history)
  const writesOf = Map.groupBy(all, ({ key }) => key)
  let looked = 0
  for (const { key, idx } of writes) {
    const row = state.at(key)
    if (row === undefined || writesOf.get(key)?.length !== 1) continue
    looked += 1
    if (BigInt(row.index) !== idx)
      findings.violation(`${key} was acknowledged at index ${idx} and stands at ${row.index}`)
  }
  return looked
}

/** The items of one request share one index; nothing else may. Returns how many indexes were looked at. */
function checkPlaces(writes: readonly Answered[], findings: Findings): number {
  const places = Map.groupBy(writes, ({ shard, idx }) => `${shard} ${idx}`)
  for (const [place, sharing] of places) {
    const sessions = new Set(sharing.map(({ session }) => session))
    if (sessions.size > 1) findings.violation(`index ${place} was given to ${sessions.size} sessions`)
  }
  return places.size
}

/** Returns how many acknowledged writes were found in logs, and how many repetitions the logs passed over. */
function checkLogs(logs: readonly FinalLog[], writes: readonly Answered[], findings: Findings): [number, number] {
  const applied = new Map<string, bigint>()
  let repetitions = 0
  for (const { shard, items } of logs) {
    for (const { request, idx, applied: counts } of items) {
      if (request === '') continue
      const name = `${shard} ${request}`
      const before = applied.get(name)
      if (!counts) repetitions += 1
      else if (before !== undefined)
        findings.violation(`${request} was applied at index ${before} of shard ${shard} and again at ${idx}`)
      else applied.set(name, idx)
    }
  }
  let found = 0
  for (const { name, shard, idx } of writes) {
    const at = applied.get(`${shard} ${name}`)
    if (at === undefined) continue
    found += 1
    if (at !== idx)
      findings.violation(`${name} was acknowledged at index ${idx} of shard ${shard} and applied at ${at}`)
  }
  return [found, repetitions]
}
