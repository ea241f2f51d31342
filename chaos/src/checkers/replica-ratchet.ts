import { compareTokens, formatToken, ZERO_TOKEN } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I13: per replica and shard what is promised never falls, restarts included; what is accepted or sealed is not
 * below what had been promised, and what is refused is. Void unless a promise rose somewhere and something was refused.
 */
export function checkReplicaRatchet(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const deeds = (['rep.accept', 'rep.seal', 'rep.refuse'] as const)
    .flatMap((kind) => eventsOf(history, kind))
    // Of one replica: lives follow each other, and within one the numbers say what came first.
    .toSorted((a, b) => a.pinc - b.pinc || a.seq - b.seq)
  const promises = new Map<string, { readonly token: Token; readonly pinc: number }>()
  let [rises, refused, restarts] = [0, 0, 0]
  for (const { kind, replica, shard, token: text, promised: before, idx, pinc } of deeds) {
    const name = `${replica} ${shard}`
    const what = `${replica}, shard ${shard}, index ${idx}`
    const [token, promised] = [parseToken(text), parseToken(before)]
    const last = promises.get(name)
    if (last !== undefined && compareTokens(promised, last.token) < 0) {
      const restarted = last.pinc === pinc ? '' : ' before it restarted'
      findings.violation(`${what}: had promised ${formatToken(last.token)}${restarted}, and has ${before} now`)
    }
    const order = compareTokens(token, promised)
    if (kind === 'rep.refuse') {
      refused += 1
      if (order >= 0) findings.violation(`${what}: refused ${text}, having promised ${before}`)
    } else if (order < 0) {
      findings.violation(`${what}: ${kind === 'rep.seal' ? 'sealed' : 'accepted'} ${text}, having promised ${before}`)
    }
    const now = kind !== 'rep.refuse' && order > 0 ? token : promised
    if (compareTokens(now, last?.token ?? ZERO_TOKEN) > 0) rises += 1
    if (last !== undefined && last.pinc !== pinc) restarts += 1
    promises.set(name, { token: now, pinc })
  }
  if (deeds.length === 0) findings.gap('no replica did anything')
  else if (rises <= promises.size || refused === 0)
    findings.gap('no promise rose a second time, or nothing was refused: the ratchet was not tried')
  return findings.verdict(`${deeds.length} deeds of ${promises.size} replicas, over ${restarts} restarts`, {
    deeds: deeds.length,
    replicas: promises.size,
    rises,
    refused,
    restarts,
  })
}
