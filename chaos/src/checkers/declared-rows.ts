import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { FinalState } from './final-state.ts'
import { isAnswered, nameOfRequest, operationsOf } from './operations.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I22 where only the final state was read: of the writes that a region acknowledged before it was lost, those that
 * its report names are not in the final state at the place they were acknowledged at, and whatever else was acknowledged is.
 * Void without a report: a region that comes back says also that it had nothing to put aside.
 */
export function checkDeclaredRows(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const reports = eventsOf(history, 'quarantine.report')
  const reported = new Map(
    reports.flatMap(({ shard, entries }) => entries.map((entry) => [`${shard} ${nameOfRequest(entry)}`, entry.idx])),
  )
  const state = new FinalState(history)
  const acknowledged = operationsOf(history)
    .filter(isAnswered)
    .filter(({ tier, f }) => tier === 'data' && f === 'write')
  let [lost, again] = [0, 0]
  for (const { name, shard, key, idx } of acknowledged) {
    const row = state.at(key)
    const declared = reported.get(`${shard} ${name}`)
    if (declared === undefined) {
      if (row === undefined && state.complete(key.slice(0, key.indexOf('/'))))
        findings.violation(`${key}, acknowledged at index ${idx} of shard ${shard}, is gone, and no report says so`)
    } else if (BigInt(declared) !== idx) again += 1
    else if (row !== undefined && BigInt(row.index) === idx)
      findings.violation(`${key}, acknowledged at index ${idx} of shard ${shard}, is reported as lost, and is there`)
    else lost += 1
  }
  if (reports.length === 0) findings.gap('no region reported what it had to put aside')
  return findings.verdict(`${lost} acknowledged writes were lost with their region, all declared`, {
    acknowledged: acknowledged.length,
    lost,
    // Acknowledged again by the next lineage, under the same identity.
    again,
    reports: reports.length,
  })
}
