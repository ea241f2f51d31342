import { eventsOf } from '../../history/event.ts'
import type { HistoryEvent } from '../../history/event.ts'
import { movesOf, writesServed } from '../move-facts.ts'
import { NS_PER_MS } from '../run-facts.ts'
import { Findings } from '../verdict.ts'
import type { Verdict } from '../verdict.ts'
import { BOUNDS } from './bounds.ts'
import type { Bounds } from './bounds.ts'
import { Calm, msBetween } from './calm.ts'

/**
 * Liveness J7: no planned move stays in limbo. Each is committed or aborted in time, counted from when it was prepared or
 * the last fault had ended; and no range stays moving or frozen for longer either, whatever its journal says.
 */
export function checkMovesEnd(history: readonly HistoryEvent[], bounds: Bounds = BOUNDS): Verdict {
  const findings = new Findings()
  const calm = new Calm(history)
  let [moves, slowestMs] = [0, 0]
  const judge = (what: string, begun: number, ended: number): void => {
    const start = calm.from(begun, bounds.limboMs)
    const due = (start ?? Infinity) + bounds.limboMs * NS_PER_MS
    if (ended <= due) slowestMs = Math.max(slowestMs, start === undefined ? 0 : Math.max(0, msBetween(start, ended)))
    else if (start === undefined || calm.endOfRun < due) findings.gap(`${what} was still open when the run ended`)
    else findings.violation(`${what} was open for more than ${bounds.limboMs} ms`)
  }
  for (const { op, prepare, commits, aborts } of movesOf(history)) {
    if (prepare === undefined) continue
    moves += 1
    judge(`move ${op}`, prepare.t, Math.min(...[...commits, ...aborts].map(({ t }) => t)))
  }
  const ranges = Map.groupBy(eventsOf(history, 'g.commit'), ({ range, keyspace }) => `${range} of ${keyspace}`)
  for (const [range, commits] of ranges) {
    let since: number | undefined
    for (const { status, t } of commits) {
      const between = status === 'moving' || status === 'frozen'
      if (between) since ??= t
      else if (since !== undefined) {
        moves += 1
        judge(`range ${range}, on its way since ${since},`, since, t)
        since = undefined
      }
    }
    if (since === undefined) continue
    moves += 1
    judge(`range ${range}, on its way since ${since},`, since, Infinity)
  }
  if (moves === 0) findings.gap('nothing was moved')
  return findings.verdict(`${moves} moves, decided within ${(slowestMs / 1000).toFixed(1)} s`, {
    moves,
    slowestMs: Math.round(slowestMs),
  })
}

/**
 * Liveness J8: no freeze outlives its move. What an aborted move froze takes writes in time, counted from the abort, the
 * freeze or the end of the last fault, whichever is latest: its node thaws it, or somebody acknowledges a write of it.
 */
export function checkFreezesEnd(history: readonly HistoryEvent[], bounds: Bounds = BOUNDS): Verdict {
  const findings = new Findings()
  const calm = new Calm(history)
  const writes = Map.groupBy(writesServed(history), ({ shard }) => shard)
  let [freezes, slowestMs] = [0, 0]
  for (const { op, aborts, freezes: own, thaws } of movesOf(history)) {
    const [abort] = aborts
    if (abort === undefined) continue
    for (const { shard, node, t } of own) {
      freezes += 1
      const over = Math.max(abort.t, t)
      const start = calm.from(over, bounds.thawMs)
      const due = (start ?? Infinity) + bounds.thawMs * NS_PER_MS
      const free = Math.min(
        ...thaws.filter((thaw) => thaw.shard === shard && thaw.t >= t).map((thaw) => thaw.t),
        ...(writes.get(shard) ?? []).filter((write) => write.t > over).map((write) => write.t),
      )
      const what = `${node} froze shard ${shard} for ${op}, aborted at ${abort.t},`
      if (free <= due) slowestMs = Math.max(slowestMs, Math.max(0, msBetween(start ?? free, free)))
      else if (start === undefined || calm.endOfRun < due) findings.gap(`${what} and the run ended soon after`)
      else if (calm.killed(`node:${node}`, t, due)) findings.gap(`${what} and was killed, and nobody wrote to it since`)
      else findings.violation(`${what} and it took no writes within ${bounds.thawMs} ms`)
    }
  }
  if (freezes === 0) findings.gap('no move was aborted after it had frozen something')
  return findings.verdict(`${freezes} freezes of aborted moves, all over within ${(slowestMs / 1000).toFixed(1)} s`, {
    freezes,
    slowestMs: Math.round(slowestMs),
  })
}
