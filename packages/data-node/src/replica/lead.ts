import { sendAppends } from './feed.ts'
import { entryBytes } from './log-entry.ts'
import type { LogEntry, WriteItem } from './log-entry.ts'
import type { Leading, ReplicaState } from './replica-state.ts'
import type { ItemOutcome } from './shard-state.ts'
import { appendEntry } from './turn.ts'
import type { Turn } from './turn.ts'

export function onWrite(
  state: ReplicaState,
  turn: Turn,
  id: number,
  session: string,
  items: readonly WriteItem[],
): void {
  const { role } = state
  const refuse = (code: 'NOT_LEADER' | 'NOT_SERVING' | 'OVERLOADED' | 'RANGE_FROZEN', why: string): void => {
    turn.effects.push({ kind: 'refuse', id, code, why })
  }
  if (role.kind === 'follower') return refuse('NOT_LEADER', 'not the leader')
  if (role.kind !== 'leading' || !role.serving) return refuse('NOT_SERVING', 'the write quorum is not sealed yet')
  const outcomes: (ItemOutcome | undefined)[] = items.map((item) => state.shard.decided(session, item.sequence))
  const fresh = items.filter((_, at) => outcomes[at] === undefined)
  if (fresh.length === 0) {
    // What is applied is committed, whoever leads now: no round is needed to say so.
    turn.effects.push({ kind: 'acknowledge', id, outcomes: outcomes.filter((outcome) => outcome !== undefined) })
    return
  }
  if (role.freeze !== undefined && !state.rules.takesFrozenWrites)
    return refuse('RANGE_FROZEN', 'the range is on its way to another region')
  if (
    state.log.lastIndex - state.commitIndex >= state.bounds.uncommittedEntriesMax ||
    role.uncommittedBytes > state.bounds.uncommittedBytesMax
  ) {
    return refuse('OVERLOADED', 'too much is waiting for the replicas')
  }
  const entry: LogEntry = { index: state.log.lastIndex + 1, token: role.token, session, items: fresh }
  role.writes.push({ id, index: entry.index, sinceMs: turn.nowMs, outcomes })
  appendOwn(state, turn, role, entry)
}

export function appendOwn(state: ReplicaState, turn: Turn, role: Leading, entry: LogEntry): void {
  role.uncommittedBytes += entryBytes(entry)
  appendEntry(state, turn, entry)
  sendAppends(state, turn, role)
}

export function expireWrites(state: ReplicaState, turn: Turn, role: Leading): void {
  for (
    let [write] = role.writes;
    write !== undefined && turn.nowMs - write.sinceMs > state.bounds.writeMsMax;
    [write] = role.writes
  ) {
    role.writes.shift()
    turn.effects.push({ kind: 'unknown', id: write.id, why: 'no write quorum answered in time' })
  }
}
