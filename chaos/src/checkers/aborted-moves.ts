import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { keptWrites } from './lost-branches.ts'
import { movesOf } from './move-facts.ts'
import type { Move } from './move-facts.ts'
import { isExact } from './run-facts.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I33: an abort restores. A move is committed or aborted, never both; of an aborted one nothing is activated and
 * nothing served by a node of the target under the old generation; a source takes writes again only for an abort that is
 * committed, and goes on with the same log: no index that it acknowledged before is given out again, unless it had been lost
 * with another region. Void unless a move was aborted that had frozen something.
 */
export function checkAbortedMoves(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const exact = isExact(history)
  const serves = eventsOf(history, 'node.serve')
  const writes = keptWrites(history)
  let [aborted, restored] = [0, 0]
  for (const move of movesOf(history)) {
    const [abort] = move.aborts
    const [commit] = move.commits
    if (abort !== undefined && commit !== undefined)
      findings.violation(`move ${move.op} is committed at ${commit.rev} and aborted at ${abort.rev}`)
    for (const { node, shard, t } of move.thaws) {
      const what = `move ${move.op}: ${node} thawed shard ${shard}`
      if (abort === undefined) findings.violation(`${what}, and the move was never aborted`)
      else if (exact && t < abort.t) findings.violation(`${what} at ${t}, before the abort at ${abort.t}`)
    }
    if (abort === undefined) continue
    if (move.freezes.length > 0) aborted += 1
    for (const { node, shard } of move.activations)
      findings.violation(`move ${move.op}, aborted, was activated by ${node} for shard ${shard}`)
    checkTarget(move, serves, findings)
    for (const thaw of move.thaws) restored += checkSource(move, thaw, writes.get(thaw.shard) ?? [], findings)
  }
  if (aborted === 0) findings.gap('no move was aborted after it had frozen something')
  return findings.verdict(`${aborted} moves aborted, ${restored} writes by their sources afterwards`, {
    aborted,
    restored,
  })
}

/** A range's target is a region, a replica's a node; it has nothing to serve of what it was copying. */
function checkTarget({ op, prepare }: Move, serves: readonly EventOf<'node.serve'>[], findings: Findings): void {
  if (prepare === undefined || prepare.what !== 'range') return
  const served = serves.find(
    ({ range, region, own }) =>
      range === prepare.range && region === prepare.target && own.startsWith(`g${prepare.gen}.`),
  )
  if (served !== undefined)
    findings.violation(
      `move ${op}, aborted: ${served.node} of ${prepare.target} served shard ${served.shard} under ${served.own}`,
    )
}

/** Returns how many writes the source acknowledged after it had thawed. */
function checkSource(
  { op, freezes }: Move,
  { shard, t }: EventOf<'move.thaw'>,
  writes: readonly EventOf<'node.serve'>[],
  findings: Findings,
): number {
  const frozenAt = freezes.find((freeze) => freeze.shard === shard)?.t
  if (frozenAt === undefined) return 0
  const before = writes.filter((write) => write.t < frozenAt).map(({ idx }) => BigInt(idx))
  const highest = before.reduce((a, b) => (a > b ? a : b), 0n)
  const after = writes.filter((write) => write.t > t && write.duplicate !== true)
  for (const { node, idx, own } of after) {
    if (BigInt(idx) <= highest)
      findings.violation(`move ${op}, aborted: ${node} gave out index ${idx} of shard ${shard} under ${own} once more`)
  }
  return after.length
}
