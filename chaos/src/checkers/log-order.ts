import { compareTokens } from '@meridian/topology'
import type { HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { DeclaredLosses } from './declared-losses.ts'
import { finalLogsOf } from './final-logs.ts'
import type { FinalLog } from './final-logs.ts'
import { isAnswered, operationsOf } from './operations.ts'
import type { Answered } from './operations.ts'
import { checkRealTime } from './real-time.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { sign } from './witnessed.ts'

/**
 * Safety I15 and the witness form of I18 for writes: in each shard's log tokens never fall along the indexes of
 * acknowledged writes, no index was given to two of them, and a write that began after another was acknowledged has a
 * higher index. Where logs were copied, the same holds of all that is committed, and all copies agree.
 *
 * What a region declared as lost is in no log any more: its places were given out again.
 */
export function checkLogOrder(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const declared = new DeclaredLosses(history)
  const writes = operationsOf(history)
    .filter(isAnswered)
    .filter((write) => write.tier === 'data' && write.f !== 'read' && !declared.has(write))
  const shards = Map.groupBy(writes, ({ shard }) => shard)
  let rises = 0
  for (const [shard, own] of shards) {
    rises += checkTokens(shard, own, findings)
    checkPlaces(shard, own, findings)
    checkRealTime(`shard ${shard}`, own, findings)
  }
  const { logs, broken } = finalLogsOf(history)
  for (const copy of broken) findings.gap(`a copied log is not whole: ${copy}`)
  for (const log of logs.values()) checkLog(log, findings)
  if (writes.length === 0) findings.gap('no write was acknowledged')
  const held = `${writes.length} writes in ${shards.size} shards: log order is token order and real-time order`
  return findings.verdict(held, { writes: writes.length, shards: shards.size, rises, logs: logs.size })
}

/**
 * The token of an answer is the one it was given under, which is that of the log entry or, when a repeat was
 * recognised, a later one: so an answer's token may exceed those of higher indexes, and such a write is left out.
 */
function checkTokens(shard: string, writes: readonly Answered[], findings: Findings): number {
  let rises = 0
  const first = writes.filter((write) => !write.duplicate).toSorted((a, b) => sign(a.idx - b.idx))
  for (const [i, write] of first.entries()) {
    const before = first[i - 1]
    if (before === undefined) continue
    const order = compareTokens(parseToken(write.token), parseToken(before.token))
    if (order > 0) rises += 1
    if (order < 0)
      findings.violation(`shard ${shard}: ${before.token} at index ${before.idx}, then ${write.token} at ${write.idx}`)
  }
  return rises
}

/** Items of one request share an index; writes of two sessions never do. */
function checkPlaces(shard: string, writes: readonly Answered[], findings: Findings): void {
  for (const [idx, sharing] of Map.groupBy(writes, (write) => write.idx)) {
    const other = sharing.find(({ session }) => session !== sharing[0]?.session)
    if (other !== undefined)
      findings.violation(`shard ${shard}: index ${idx} was given to ${sharing[0]?.name} and to ${other.name}`)
  }
}

function checkLog({ shard, items, conflicts }: FinalLog, findings: Findings): void {
  for (const conflict of conflicts) findings.violation(`shard ${shard}: ${conflict}`)
  for (const [i, item] of items.entries()) {
    const before = items[i - 1]
    if (before !== undefined && compareTokens(parseToken(item.token), parseToken(before.token)) < 0)
      findings.violation(`the log of shard ${shard} has ${before.token} at index ${before.idx}, then ${item.token}`)
  }
}
