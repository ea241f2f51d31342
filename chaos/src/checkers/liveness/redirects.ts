import { compareTokens } from '@meridian/topology'
import { eventsOf } from '../../history/event.ts'
import type { HistoryEvent } from '../../history/event.ts'
import { parseToken } from '../../history/token-text.ts'
import { nameOfRequest, operationsOf } from '../operations.ts'
import { Findings } from '../verdict.ts'
import type { Verdict } from '../verdict.ts'
import { BOUNDS } from './bounds.ts'
import type { Bounds } from './bounds.ts'
import { Calm, msBetween } from './calm.ts'

/**
 * Liveness J6: a request whose client was behind reaches the right node with the next attempt, soon after its refusal. Timed
 * are requests that were answered under the very token that the first refusal told, so that nothing changed meanwhile, in
 * times without faults. The writes of a router that had stopped following count as well, by their attempts.
 */
export function checkRedirects(history: readonly HistoryEvent[], bounds: Bounds = BOUNDS): Verdict {
  const findings = new Findings()
  const calm = new Calm(history)
  const refusals = Map.groupBy(eventsOf(history, 'req.refused'), nameOfRequest)
  const follows = eventsOf(history, 'follow')
  let [timed, slowestMs] = [0, 0]
  for (const operation of operationsOf(history)) {
    const [first, ...others] = refusals.get(operation.name) ?? []
    if (first === undefined || operation.status !== 'ok' || operation.token !== first.own) continue
    if (first.own === '' || compareTokens(parseToken(first.own), parseToken(first.token)) <= 0) continue
    if (calm.from(first.t, bounds.redirectMs) !== first.t) continue
    timed += 1
    const [attempts, ms] = [others.length + 2, msBetween(first.t, operation.returnedAt)]
    slowestMs = Math.max(slowestMs, ms)
    if (attempts > bounds.redirectAttempts) findings.violation(`${operation.name} took ${attempts} attempts`)
    else if (ms > bounds.redirectMs)
      findings.violation(`${operation.name} was answered ${ms.toFixed(0)} ms after ${first.node} had refused it`)
  }
  for (const { shard, attempts } of follows) {
    if (attempts > bounds.redirectAttempts)
      findings.violation(`the write of a stale router to shard ${shard} took ${attempts} attempts`)
  }
  if (timed + follows.length === 0) findings.gap('no request of a client that was behind could be timed')
  return findings.verdict(`${timed + follows.length} requests went astray, all arrived with the next attempt`, {
    timed,
    follows: follows.length,
    slowestMs: Math.round(slowestMs),
  })
}
