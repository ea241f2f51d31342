import { compareTokens } from '@meridian/topology'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { keptWrites } from './lost-branches.ts'
import { movesOf } from './move-facts.ts'
import type { Move } from './move-facts.ts'
import { isExact } from './run-facts.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I32: a planned move is atomic. Only a committed move is activated; the log that a shard is activated with reaches
 * the barrier; under older tokens than the activated one nothing beyond the barrier was ever acknowledged, and nothing at
 * all after the first write under it. An acknowledgement below the barrier may reach its client late, so in runs whose
 * times are not exact that last rule is kept by the barrier alone. What a lost region had acknowledged beyond where the others
 * went on is in no log that moves. Void unless a committed move was activated and the shard
 * had been written before.
 */
export function checkAtomicMoves(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const exact = isExact(history)
  const writes = keptWrites(history)
  let [shards, judged] = [0, 0]
  const moves = movesOf(history)
  for (const move of moves) {
    for (const activation of move.activations) {
      shards += 1
      checkActivation(move, activation, exact, findings)
      const own = writes.get(activation.shard) ?? []
      judged += checkServed(move, activation, own, exact, findings)
    }
  }
  if (shards === 0) findings.gap('no move was activated')
  else if (judged === 0) findings.gap('no shard that moved had been written before')
  return findings.verdict(`${shards} shards moved, with all of ${judged} writes acknowledged before`, {
    moves: moves.length,
    shards,
    writes: judged,
  })
}

type Activation = EventOf<'move.activate'>

function barrierOf(move: Move, shard: string): bigint | undefined {
  const own = move.barriers.filter((barrier) => barrier.shard === shard).map(({ idx }) => BigInt(idx))
  return own.length === 0 ? undefined : own.reduce((a, b) => (a > b ? a : b))
}

function checkActivation(
  move: Move,
  { shard, node, token, idx, t }: Activation,
  exact: boolean,
  findings: Findings,
): void {
  const what = `move ${move.op}: ${node} activated shard ${shard} under ${token}`
  const [commit] = move.commits
  const { generation } = parseToken(token)
  if (commit === undefined) findings.violation(`${what}, and the move was never committed`)
  else if (exact && t < commit.t) findings.violation(`${what} at ${t}, before the commit at ${commit.t}`)
  else if (generation !== BigInt(commit.gen))
    findings.violation(`${what}, and the move was committed with generation ${commit.gen}`)
  const barrier = barrierOf(move, shard)
  if (barrier === undefined) findings.violation(`${what} without a barrier`)
  else if (BigInt(idx) < barrier) findings.violation(`${what} with its log up to ${idx}; the barrier is at ${barrier}`)
}

/** Returns how many writes had been acknowledged under older tokens. */
function checkServed(
  { op, ...move }: Move,
  { shard, node, token }: Activation,
  writes: readonly EventOf<'node.serve'>[],
  exact: boolean,
  findings: Findings,
): number {
  const barrier = barrierOf({ op, ...move }, shard)
  const order = (write: EventOf<'node.serve'>): number => compareTokens(parseToken(write.own), parseToken(token))
  const older = writes.filter((write) => order(write) < 0)
  const first = writes.find((write) => order(write) >= 0)
  for (const write of older) {
    const what = `move ${op}: ${write.node} acknowledged index ${write.idx} of shard ${shard} under ${write.own}`
    if (barrier !== undefined && BigInt(write.idx) > barrier)
      findings.violation(`${what}, beyond the barrier at ${barrier}`)
    else if (exact && first !== undefined && write.t > first.t)
      findings.violation(`${what} at ${write.t}; ${node} had acknowledged index ${first.idx} at ${first.t}`)
  }
  return older.length
}
