import { compareTokens } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I15 and the witness form of I18: in each shard's log tokens never fall along the indexes of acknowledged
 * writes, and a write that began after another was acknowledged has a higher index.
 */
export function checkLogOrder(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const shards = new Map<string, EventOf<'write'>[]>()
  for (const write of eventsOf(history, 'write')) {
    if (write.status !== 'ok') continue
    const writes = shards.get(write.shard)
    if (writes === undefined) shards.set(write.shard, [write])
    else writes.push(write)
  }
  let rises = 0
  for (const [shard, writes] of shards) {
    rises += checkTokens(shard, writes, findings)
    checkRealTime(shard, writes, findings)
  }
  const writes = [...shards.values()].reduce((sum, each) => sum + each.length, 0)
  if (writes === 0) findings.gap('no write was acknowledged')
  return findings.verdict(`${writes} writes in ${shards.size} shards: log order is token order and real-time order`, {
    writes,
    shards: shards.size,
    rises,
  })
}

const byIndex = (a: EventOf<'write'>, b: EventOf<'write'>): number =>
  BigInt(a.index) < BigInt(b.index) ? -1 : a.index === b.index ? 0 : 1

/**
 * The token of an answer is the one it was given under, which is that of the log entry or, when a repeat was
 * recognised, a later one: so an answer's token may exceed those of higher indexes, and such a write is left out.
 */
function checkTokens(shard: string, writes: readonly EventOf<'write'>[], findings: Findings): number {
  let rises = 0
  const first = writes.filter((write) => !write.duplicate).toSorted(byIndex)
  for (const [i, write] of first.entries()) {
    const before = first[i - 1]
    if (before === undefined) continue
    const order = compareTokens(parseToken(write.token), parseToken(before.token))
    if (order > 0) rises += 1
    if (order < 0)
      findings.violation(
        `shard ${shard}: ${before.token} at index ${before.index}, then ${write.token} at ${write.index}`,
      )
  }
  return rises
}

function checkRealTime(shard: string, writes: readonly EventOf<'write'>[], findings: Findings): void {
  const ended = writes.toSorted((a, b) => a.t - b.t)
  let at = 0
  let highest: EventOf<'write'> | undefined
  for (const write of writes.toSorted((a, b) => a.t0 - b.t0)) {
    for (let next = ended[at]; next !== undefined && next.t < write.t0; next = ended[(at += 1)]) {
      if (highest === undefined || byIndex(highest, next) < 0) highest = next
    }
    if (highest !== undefined && byIndex(write, highest) <= 0) {
      findings.violation(
        `shard ${shard}: ${write.key} at index ${write.index} began after ${highest.key} at ${highest.index} was acknowledged`,
      )
    }
  }
}
