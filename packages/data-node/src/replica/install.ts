import type { NodeId } from '@meridian/topology'
import { commitTo } from './commit.ts'
import { meetingIndex, samePosition } from './lineage.ts'
import type { LogBase } from './lineage.ts'
import { divergence } from './quarantine.ts'
import { ReplicaLog } from './replica-log.ts'
import type { ReplicaResponse, StateRequest } from './replica-message.ts'
import type { Incoming, ReplicaState } from './replica-state.ts'
import { ShardState } from './shard-state.ts'
import { forgetDurable, send } from './turn.ts'
import type { Turn } from './turn.ts'

/**
 * Begins to fetch the state of `source` under the token promised. Until all of it is here the old log and state stand,
 * in memory and on the disk; then they are replaced by one write, so a half state is never counted or served.
 */
export function startInstall(state: ReplicaState, turn: Turn, source: NodeId, differsAt: number): void {
  const { incoming } = state
  if (incoming?.source === source && (incoming.differsAt > 0 || differsAt === 0)) return
  begin(state, source, differsAt, undefined)
  askForState(state, turn)
}

function begin(state: ReplicaState, source: NodeId, differsAt: number, base: LogBase | undefined): Incoming {
  state.installs += 1
  state.incoming = {
    id: state.installs,
    token: state.promised,
    source,
    differsAt,
    base,
    part: 0,
    values: [],
    sessions: [],
    tail: [],
    inFlight: undefined,
    resendAtMs: 0,
  }
  return state.incoming
}

export function askForState(state: ReplicaState, turn: Turn): void {
  const { incoming } = state
  if (incoming === undefined || turn.nowMs < incoming.resendAtMs) return
  const at = incoming.base === undefined ? undefined : { index: incoming.base.index, token: incoming.base.token }
  const { token, part, differsAt: through, tail } = incoming
  const request: StateRequest = { kind: 'state', token, at, part, through, have: tail.at(-1)?.index ?? 0 }
  incoming.inFlight = request
  incoming.resendAtMs = turn.nowMs + state.bounds.installRetryMs
  send(turn, incoming.source, request)
}

/** True when it was the last piece and the state is now the source's. */
export function onStatePiece(
  state: ReplicaState,
  turn: Turn,
  present: Incoming,
  response: ReplicaResponse & { kind: 'state' },
): boolean {
  let incoming = present
  const { base } = incoming
  const expected = base !== undefined && samePosition(base, response.base) && response.part === incoming.part
  // Else the source offers another state by now, or this one from its beginning.
  if (!expected)
    incoming = begin(state, incoming.source, incoming.differsAt, response.part === 0 ? response.base : undefined)
  incoming.inFlight = undefined
  incoming.resendAtMs = 0
  if (expected || response.part === 0) {
    const { values, sessions, entries } = response
    incoming.part += 1
    for (const row of values) incoming.values.push(row)
    for (const session of sessions) incoming.sessions.push(session)
    for (const entry of entries) incoming.tail.push(entry)
    if (entries.length === 0) turn.staged = { kind: 'stage', id: incoming.id, piece: { values, sessions } }
    if (response.last) {
      finish(state, turn, incoming, response.base)
      return true
    }
  }
  askForState(state, turn)
  return false
}

/** The source did not answer: the same part is asked for again, after a pause. */
export function onUnansweredState(state: ReplicaState, turn: Turn, incoming: Incoming): void {
  incoming.inFlight = undefined
  incoming.resendAtMs = turn.nowMs + state.bounds.retryMs
}

function finish(state: ReplicaState, turn: Turn, incoming: Incoming, base: LogBase): void {
  state.incoming = undefined
  const log = new ReplicaLog(base, incoming.tail)
  if (state.log.matches(log.last)) {
    // It came by entries after all: what it holds beyond the offered state is worth more than the state.
    commitTo(state, turn, base.index)
    return
  }
  const meeting = meetingIndex(state.log.runs, state.log.lastIndex, log.runs, log.lastIndex)
  if (meeting < state.log.lastIndex) {
    const lineage = log.runsAbove(meeting).map((run) => run.token)
    turn.quarantine.push(...divergence(state, meeting, incoming.token, lineage))
  }
  forgetDurable(state, meeting)
  state.log = log
  state.shard = new ShardState(state.bounds, {
    appliedIndex: base.index,
    values: incoming.values,
    sessions: incoming.sessions,
  })
  state.commitIndex = base.index
  state.agreed = incoming.token
  turn.install = { id: incoming.id, base }
  turn.append.push(...incoming.tail)
  turn.writes = true
}
