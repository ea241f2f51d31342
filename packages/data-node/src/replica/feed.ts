import type { NodeId } from '@meridian/topology'
import { advanceCommit } from './commit.ts'
import { lastPossible } from './lineage.ts'
import { voters } from './members.ts'
import type { AppendRequest, ReplicaResponse } from './replica-message.ts'
import type { Leading, Progress, ReplicaState } from './replica-state.ts'
import { send } from './turn.ts'
import type { Turn } from './turn.ts'

/** Everybody the leader feeds: the other members, and the learners, by the same appends. */
export function feedAll(state: ReplicaState, role: Leading): void {
  const fed = new Set([...voters(role.members), ...role.learners])
  fed.delete(state.self)
  for (const replica of role.progress.keys()) if (!fed.has(replica)) role.progress.delete(replica)
  for (const replica of fed) {
    if (role.progress.has(replica)) continue
    role.progress.set(replica, {
      match: 0,
      next: state.log.lastIndex + 1,
      inFlight: undefined,
      pausedUntilMs: 0,
      commitSent: 0,
      silentSinceMs: undefined,
      installing: false,
    })
  }
}

/** To everybody that has none under way: what it lacks, as much as fits. */
export function sendAppends(state: ReplicaState, turn: Turn, role: Leading, alsoEmpty = false): void {
  for (const [replica, progress] of role.progress) {
    if (progress.inFlight !== undefined || turn.nowMs < progress.pausedUntilMs) continue
    const lacks = progress.next <= state.log.lastIndex || (alsoEmpty && progress.commitSent < state.commitIndex)
    if (lacks) sendAppend(state, turn, role, replica, progress)
  }
}

function sendAppend(state: ReplicaState, turn: Turn, role: Leading, replica: NodeId, progress: Progress): void {
  const { log } = state
  const trimmed = progress.next <= log.base.index
  // To one that has to fetch the state only a question whether it has it by now.
  const asks = trimmed || progress.installing
  const previous = asks ? log.base.index : progress.next - 1
  const token = log.tokenAt(previous)
  if (token === undefined) throw new Error(`nothing at ${previous} to join an append to`)
  const entries = asks
    ? []
    : log.slice(progress.next, {
        bytesMax: state.bounds.appendBytesMax,
        entriesMax: state.bounds.appendEntriesMax,
      })
  const request: AppendRequest = {
    kind: 'append',
    token: role.token,
    previous: { index: previous, token },
    entries,
    commitIndex: state.commitIndex,
    install: trimmed,
  }
  progress.inFlight = request
  progress.silentSinceMs ??= turn.nowMs
  // No more than this request lets the replica commit: what lies beyond its entries has to be told again.
  progress.commitSent = Math.min(state.commitIndex, previous + entries.length)
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
  progress.silentSinceMs = undefined
  const latest = progress.inFlight === request
  if (latest) progress.inFlight = undefined
  if (response.matched) {
    // Also from a late answer: what a replica holds durably under this token it keeps as long as the token stands. It
    // may hold more than was sent; where that ends at an entry of this log it is this log's.
    const end = request.previous.index + request.entries.length
    const agreed = state.log.matches(response.last) ? Math.max(end, response.last.index) : end
    progress.match = Math.max(progress.match, agreed)
    progress.next = Math.max(progress.next, progress.match + 1)
    if (latest) progress.installing = false
    advanceCommit(state, turn, role)
  } else if (latest) {
    const at = lastPossible(state.log.runs, state.log.lastIndex, response.last)
    progress.next = Math.max(progress.match, at.index) + 1
    progress.installing = response.installing
    // Nothing that could be sent helps: it has to fetch the state first.
    if (response.installing || request.install) progress.pausedUntilMs = turn.nowMs + state.bounds.retryMs
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
