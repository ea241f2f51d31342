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
 * times without faults; where nodes tell what they serve, only if that token was served already, because a leader that has
 * been named may have to seal first. The writes of a router that had stopped following count as well, by their attempts.
 */
export function checkRedirects(history: readonly HistoryEvent[], bounds: Bounds = BOUNDS): Verdict {
  const findings = new Findings()
  const calm = new Calm(history)
  const refusals = Map.groupBy(eventsOf(history, 'req.refused'), nameOfRequest)
  const follows = eventsOf(history, 'follow')
  const opened = openedIn(history)
  let [timed, slowestMs] = [0, 0]
  for (const operation of operationsOf(history)) {
    const [first, ...others] = refusals.get(operation.name) ?? []
    if (first === undefined || operation.status !== 'ok' || operation.token !== first.own) continue
    if (first.own === '' || compareTokens(parseToken(first.own), parseToken(first.token)) <= 0) continue
    if (calm.from(first.t, bounds.redirectMs) !== first.t) continue
    if (opened !== undefined && !((opened.get(`${operation.shard} ${first.own}`) ?? Infinity) <= first.t)) continue
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

/** When each token of each shard was first served; undefined: no node tells. */
function openedIn(history: readonly HistoryEvent[]): ReadonlyMap<string, number> | undefined {
  const serves = eventsOf(history, 'node.serve')
  if (serves.length === 0) return undefined
  const opened = new Map<string, number>()
  for (const { shard, own, t } of serves) if (!opened.has(`${shard} ${own}`)) opened.set(`${shard} ${own}`, t)
  return opened
}
