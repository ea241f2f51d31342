import { compareTokens } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/** Each shard whose leader was taken away was served again, under a higher token. */
export function checkServedAgain(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const leaders = eventsOf(history, 'leader')
  const served = new Map(eventsOf(history, 'served').map((event) => [`${event.act} ${event.shard}`, event]))
  if (leaders.length === 0) findings.gap('no leader was taken away')
  let slowestMs = 0
  for (const { act, shard, token } of leaders) {
    const again = served.get(`${act} ${shard}`)
    if (again === undefined) findings.violation(`shard ${shard} was not served again`)
    else if (compareTokens(parseToken(again.token), parseToken(token)) <= 0)
      findings.violation(`shard ${shard} was served under ${again.token} after ${token} had lost its leader`)
    else slowestMs = Math.max(slowestMs, again.afterMs)
  }
  const counts = { leaderships: leaders.length, slowestMs: Math.round(slowestMs) }
  return findings.verdict(
    `${leaders.length} leaderships lost, all replaced within ${(slowestMs / 1000).toFixed(1)} s`,
    counts,
  )
}
