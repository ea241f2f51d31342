import { tokensEqual } from '@meridian/topology'
import type { NodeId } from '@meridian/topology'
import { entryBytes, trimMarkIndex } from './log-entry.ts'
import type { LogEntry } from './log-entry.ts'
import type { Leading, ReplicaState } from './replica-state.ts'
import type { ItemOutcome } from './shard-state.ts'
import { roleName } from './turn.ts'
import type { Turn } from './turn.ts'

/** Applies what is newly known to be committed, in order, and answers the writes that waited for it. */
export function commitTo(state: ReplicaState, turn: Turn, index: number): void {
  if (index <= state.commitIndex) return
  if (index > state.log.lastIndex) throw new Error(`commit of ${index} beyond the end ${state.log.lastIndex}`)
  state.commitIndex = index
  const { role } = state
  while (state.shard.appliedIndex < index) {
    const entry = state.log.entryAt(state.shard.appliedIndex + 1)
    if (entry === undefined)
      throw new Error(`entry ${state.shard.appliedIndex + 1} has been trimmed before it was applied`)
    const outcomes = state.shard.apply(entry)
    if (role.kind === 'leading') answer(turn, role, entry, outcomes)
    const held = trimMarkIndex(entry)
    if (held !== undefined) trim(state, turn, held)
  }
  if (role.kind === 'leading' && !role.serving && index >= role.barrierIndex) {
    role.serving = true
    state.agreed = role.token
    turn.effects.push({
      kind: 'role',
      from: 'leading',
      to: roleName(role),
      token: role.token,
      why: 'barrier committed',
    })
  }
}

function answer(turn: Turn, role: Leading, entry: LogEntry, outcomes: readonly ItemOutcome[]): void {
  if (entry.index >= role.barrierIndex) role.uncommittedBytes -= entryBytes(entry)
  const [write] = role.writes
  if (write === undefined || write.index !== entry.index) return
  role.writes.shift()
  let at = 0
  const all = write.outcomes.map((known) => {
    const outcome = known ?? outcomes[at++]
    if (outcome === undefined) throw new Error(`write ${write.id} has more items than entry ${entry.index}`)
    return outcome
  })
  turn.effects.push({ kind: 'acknowledge', id: write.id, outcomes: all })
}

function trim(state: ReplicaState, turn: Turn, held: number): void {
  const through = held - state.bounds.logEntriesKept
  if (through <= state.log.base.index) return
  state.log.trimThrough(through)
  turn.effects.push({ kind: 'trim', base: state.log.baseAt(through) })
}

/**
 * The highest entry that a write quorum holds durably, if it is of the leader's own token: an entry of an older token
 * held by a quorum can still be replaced by a leader that sealed without it, so it counts only through a later one
 * of this token (R4).
 */
export function advanceCommit(state: ReplicaState, turn: Turn, role: Leading): void {
  const { rules } = state
  const held = (replica: NodeId): number =>
    replica === state.self ? state.durableIndex : (role.progress.get(replica)?.match ?? 0)
  const index = Math.min(
    ...rules.writeSets(role).map((set) => {
      const descending = set.map(held).sort((a, b) => b - a)
      return descending[rules.writeQuorum(set.length) - 1] ?? 0
    }),
  )
  if (index <= state.commitIndex) return
  if (!tokensEqual(state.promised, role.token)) throw new Error('a leader whose promise is not its token would commit')
  const token = state.log.tokenAt(index)
  if (token !== undefined && rules.mayCount(token, role.token)) commitTo(state, turn, index)
}
