import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I14: before a shard is first served under a token, a write quorum of the replicas that its region committed with
 * that token had sealed it. Followers in other regions seal too, but count in no quorum.
 */
export function checkQuorumSeals(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const sets = new Map<string, readonly string[]>()
  for (const { shard, gen, epoch, replicas, status, page } of eventsOf(history, 'e.commit')) {
    if (status !== 'gone' && page !== 'standby') sets.set(`${shard} g${gen}.e${epoch}`, replicas)
  }
  const seals = Map.groupBy(eventsOf(history, 'rep.seal'), ({ shard, token }) => `${shard} ${token}`)
  const served = new Set<string>()
  for (const serve of eventsOf(history, 'node.serve')) {
    const name = `${serve.shard} ${serve.own}`
    if (served.has(name)) continue
    served.add(name)
    const replicas = sets.get(name)
    if (replicas === undefined) {
      findings.gap(`nobody saw who replicates shard ${serve.shard} under ${serve.own}`)
      continue
    }
    const by = new Set((seals.get(name) ?? []).filter(({ t }) => t <= serve.t).map(({ replica }) => replica))
    const counted = replicas.filter((replica) => by.has(replica))
    const quorum = Math.floor(replicas.length / 2) + 1
    if (counted.length < quorum)
      findings.violation(
        `${serve.node} served shard ${serve.shard} under ${serve.own}, sealed by ${counted.length} of ${replicas.length} replicas (${counted.join(' ') || 'none'})`,
      )
  }
  if (served.size === 0) findings.gap('nothing was served')
  return findings.verdict(`${served.size} tokens served, each sealed by a quorum first`, {
    tokens: served.size,
    seals: seals.size,
  })
}
