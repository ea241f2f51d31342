import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { finalLogsOf, trimmedTokenAt } from './final-logs.ts'
import type { FinalLog } from './final-logs.ts'
import { isAnswered, nameOfRequest, operationsOf } from './operations.ts'
import type { Answered } from './operations.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I22: loss is declared. Of a shard whose region lost it unplanned, the acknowledged writes that the new lineage
 * does not hold are exactly those acknowledged ones that the quarantine report names; after a planned move there are none.
 * A report may name more: what was never acknowledged, or acknowledged later at another index, when its client had sent it
 * again. Void without a report, or without a copy of the log that the shard
 * ended with.
 */
export function checkQuarantine(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const { logs } = finalLogsOf(history)
  const reports = Map.groupBy(eventsOf(history, 'quarantine.report'), ({ shard }) => shard)
  const planned = new Set(eventsOf(history, 'move.commit').map(({ range, gen }) => `${range} ${BigInt(gen) - 1n}`))
  const writes = operationsOf(history)
    .filter(isAnswered)
    .filter(({ tier, f }) => tier === 'data' && f !== 'read')
  let [missing, named] = [0, 0]
  for (const [shard, own] of Map.groupBy(writes, (write) => write.shard)) {
    const log = logs.get(shard)
    if (log === undefined) {
      if (reports.has(shard)) findings.gap(`the log of shard ${shard} was not copied`)
      continue
    }
    const held = new Set(log.items.map(({ request, idx }) => `${request} ${idx}`))
    const reported = reports.get(shard) ?? []
    const inReport = new Map(
      reported.flatMap((report) =>
        report.entries.map((entry) => [`${nameOfRequest(entry)} ${entry.idx}`, report] as const),
      ),
    )
    for (const write of own) {
      const report = inReport.get(`${write.name} ${write.idx}`)
      const there = write.idx < log.first ? isBelow(log, write) : held.has(`${write.name} ${write.idx}`)
      if (!there) missing += 1
      if (report !== undefined) named += 1
      if (!there && report === undefined) findings.violation(`${told(write)} is missing, and no report says so`)
      else if (there && report !== undefined) findings.violation(`${told(write)} is reported as lost, and is there`)
      else if (report !== undefined && planned.has(`${report.range} ${report.gen}`))
        findings.violation(`${told(write)} was lost in a planned move of range ${report.range}`)
      else if (report !== undefined && parseToken(write.token).generation > BigInt(report.gen))
        findings.violation(`${told(write)} is reported as lost with generation ${report.gen}`)
    }
  }
  if (reports.size === 0) findings.gap('no region reported what it had to put aside')
  return findings.verdict(`${missing} acknowledged writes are missing, all declared`, {
    missing,
    named,
    reports: reports.size,
  })
}

/** What was trimmed was there if the log has the writer of it at its index: one leader writes one log. */
function isBelow(log: FinalLog, { idx, token }: Answered): boolean {
  const writer = trimmedTokenAt(log, idx)
  return writer === undefined || writer === token
}

const told = ({ name, shard, idx, token }: Answered): string =>
  `${name}, acknowledged at index ${idx} of shard ${shard} under ${token},`
