import { compareTokens } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * A router that is behind is corrected by the refusal alone: each of its writes took exactly one refused attempt and one
 * that was served under a higher token, and in the meantime it neither fetched a snapshot nor reached a region server.
 */
export function checkOneHop(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const follows = eventsOf(history, 'follow')
  if (follows.length === 0) findings.gap('no stale router wrote')
  for (const follow of follows) {
    const who = `shard ${follow.shard}`
    if (follow.served === '') findings.violation(`${who}: the write was not acknowledged`)
    else if (compareTokens(parseToken(follow.served), parseToken(follow.stale)) <= 0)
      findings.gap(`${who}: served under ${follow.served}, so the map was not stale`)
    if (follow.attempts !== 2 || follow.refusals !== 1)
      findings.violation(`${who}: ${follow.attempts} attempts and ${follow.refusals} refusals instead of 2 and 1`)
    if (follow.adoptions !== follow.refusals) findings.violation(`${who}: a refusal taught no newer record`)
    if (follow.resyncs > 0) findings.violation(`${who}: ${follow.resyncs} snapshots were asked for`)
    if (follow.controlBytes > 0)
      findings.violation(`${who}: ${follow.controlBytes} bytes went to or from region servers`)
  }
  return findings.verdict(`${follows.length} stale writes: one refusal, one more hop, nothing else`, {
    writes: follows.length,
  })
}
