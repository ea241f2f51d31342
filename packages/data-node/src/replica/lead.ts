import { tokensEqual } from '@meridian/topology'
import type { NodeId } from '@meridian/topology'
import { commitTo } from './commit.ts'
import { entryBytes, trimMarkItems } from './log-entry.ts'
import type { LogEntry, WriteItem } from './log-entry.ts'
import type { AppendRequest, ReplicaResponse } from './replica-message.ts'
import type { Leading, Progress, ReplicaState } from './replica-state.ts'
import type { ItemOutcome } from './shard-state.ts'
import { appendEntry, send } from './turn.ts'
import type { Turn } from './turn.ts'

export function onWrite(
  state: ReplicaState,
  turn: Turn,
  id: number,
  session: string,
  items: readonly WriteItem[],
): void {
  const { role } = state
  const refuse = (code: 'NOT_LEADER' | 'NOT_SERVING' | 'OVERLOADED', why: string): void => {
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

function appendOwn(state: ReplicaState, turn: Turn, role: Leading, entry: LogEntry): void {
  role.uncommittedBytes += entryBytes(entry)
  appendEntry(state, turn, entry)
  sendAppends(state, turn, role)
}

/** To every replica that has none under way: what it lacks, as much as fits. */
export function sendAppends(state: ReplicaState, turn: Turn, role: Leading, alsoEmpty = false): void {
  for (const [replica, progress] of role.progress) {
    if (progress.inFlight !== undefined || turn.nowMs < progress.pausedUntilMs) continue
    const lacks = progress.next <= state.log.lastIndex || (alsoEmpty && progress.commitSent < state.commitIndex)
    if (lacks) sendAppend(state, turn, role, replica, progress)
  }
}

function sendAppend(state: ReplicaState, turn: Turn, role: Leading, replica: NodeId, progress: Progress): void {
  // Every replica holds what has been trimmed, so a replica that needs older entries does not exist.
  progress.next = Math.max(progress.next, state.log.base.index + 1)
  const token = state.log.tokenAt(progress.next - 1)
  if (token === undefined) throw new Error(`nothing at ${progress.next - 1} to join an append to`)
  const entries = state.log.slice(progress.next, {
    bytesMax: state.bounds.appendBytesMax,
    entriesMax: state.bounds.appendEntriesMax,
  })
  const request: AppendRequest = {
    kind: 'append',
    token: role.token,
    previous: { index: progress.next - 1, token },
    entries,
    commitIndex: state.commitIndex,
  }
  progress.inFlight = request
  // No more than this request lets the replica commit: what lies beyond its entries has to be told again.
  progress.commitSent = Math.min(state.commitIndex, progress.next - 1 + entries.length)
  send(turn, replica, request)
}

export function onAppended(
  state: ReplicaState,
  turn: Turn,
  role: Leading,
  from: NodeId,
  request: AppendRequest,
  response: ReplicaResponse & { kind: 'append' },
): void {
  const progress = role.progress.get(from)
  if (progress === undefined) return
  const latest = progress.inFlight === request
  if (latest) progress.inFlight = undefined
  if (response.matched) {
    // Also from a late answer: what a replica holds durably under this token it keeps as long as the token stands.
    progress.match = Math.max(progress.match, request.previous.index + request.entries.length)
    progress.next = Math.max(progress.next, progress.match + 1)
    advanceCommit(state, turn, role)
  } else if (latest) {
    progress.next = Math.max(progress.match + 1, Math.min(response.lastIndex + 1, request.previous.index))
    // Nothing earlier is left to send: this replica lost its log, or never had it. Not to be asked without end.
    if (request.previous.index <= state.log.base.index) progress.pausedUntilMs = turn.nowMs + state.bounds.retryMs
  }
  if (state.role.kind === 'leading') sendAppends(state, turn, state.role)
}

export function onUnansweredAppend(
  state: ReplicaState,
  turn: Turn,
  role: Leading,
  from: NodeId,
  request: AppendRequest,
): void {
  const progress = role.progress.get(from)
  if (progress === undefined || progress.inFlight !== request) return
  progress.inFlight = undefined
  progress.commitSent = 0
  progress.pausedUntilMs = turn.nowMs + state.bounds.retryMs
}

/**
 * The highest entry that a write quorum holds durably, if it is of the leader's own token: an entry of an older token
 * held by a quorum can still be replaced by a leader that sealed without it, so it counts only through a later one
 * of this token (R4).
 */
export function advanceCommit(state: ReplicaState, turn: Turn, role: Leading): void {
  const held = role.replicas.map((replica) =>
    replica === state.self ? state.durableIndex : (role.progress.get(replica)?.match ?? 0),
  )
  held.sort((a, b) => b - a)
  const index = held[state.rules.writeQuorum(role.replicas.length) - 1] ?? 0
  if (index <= state.commitIndex) return
  if (!tokensEqual(state.promised, role.token)) throw new Error('a leader whose promise is not its token would commit')
  const token = state.log.tokenAt(index)
  if (token !== undefined && state.rules.mayCount(token, role.token)) commitTo(state, turn, index)
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

const TRIM_ENTRIES_MIN = 8

/** Declares what every replica holds durably, so that all may drop it. One dead replica keeps the whole log alive. */
export function markTrim(state: ReplicaState, turn: Turn, role: Leading): void {
  if (!role.serving || role.markIndex > state.commitIndex) return
  if (state.log.length <= state.bounds.logEntriesMax && state.log.bytes <= state.bounds.logBytesMax) return
  let held = Math.min(state.commitIndex, state.durableIndex)
  for (const progress of role.progress.values()) held = Math.min(held, progress.match)
  // In big bites: a mark is an entry itself.
  if (held - state.bounds.logEntriesKept - state.log.base.index < TRIM_ENTRIES_MIN) return
  role.markIndex = state.log.lastIndex + 1
  appendOwn(state, turn, role, { index: role.markIndex, token: role.token, session: '', items: trimMarkItems(held) })
}
