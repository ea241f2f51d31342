import { compareTokens } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/** Safety I17: the tokens a client has answers under never fall, shard by shard. Void unless one rose. */
export function checkClientTokens(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const seen = new Map<string, Token>()
  let answers = 0
  let rises = 0
  for (const write of eventsOf(history, 'write').toSorted((a, b) => a.t - b.t)) {
    if (write.status !== 'ok') continue
    answers += 1
    const token = parseToken(write.token)
    const pair = `${write.client} ${write.shard}`
    const before = seen.get(pair)
    const order = before === undefined ? 0 : compareTokens(token, before)
    if (order < 0)
      findings.violation(
        `client ${write.client} had an answer of shard ${write.shard} under ${write.token} after a higher token`,
      )
    else seen.set(pair, token)
    if (order > 0) rises += 1
  }
  if (answers === 0) findings.gap('no client had an answer')
  else if (rises === 0) findings.gap('no token rose for any client: nothing was tried')
  const counts = { answers, pairs: seen.size, rises }
  return findings.verdict(`${answers} answers; tokens rose ${rises} times and never fell`, counts)
}
