import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I16: what a node serves carried exactly the token that the node had, and whoever came with another one was refused
 * and told the node's. Void unless somebody was refused.
 */
export function checkDoor(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const serves = eventsOf(history, 'node.serve')
  const refusals = eventsOf(history, 'node.refuse')
  for (const { node, shard, token, own, mode, idx } of serves) {
    if (token !== own)
      findings.violation(`${node} served a ${mode} of shard ${shard} under ${token} at index ${idx}, and had ${own}`)
  }
  for (const { node, shard, token, own } of refusals) {
    if (own === '') findings.violation(`${node} refused ${token} for shard ${shard} without telling its own`)
    else if (token === own) findings.violation(`${node} refused ${token} for shard ${shard}, which is its own`)
  }
  if (serves.length === 0) findings.gap('nothing was served')
  if (refusals.length === 0) findings.gap('nobody was refused: nothing was tried')
  return findings.verdict(`${serves.length} requests served under their own token, ${refusals.length} refused`, {
    served: serves.length,
    refused: refusals.length,
  })
}
