import { tokensEqual } from '@meridian/topology'
import type { NodeId } from '@meridian/topology'
import { isQuorum, voters } from './members.ts'
import type { ConfirmRequest, ReplicaResponse } from './replica-message.ts'
import type { ConfirmRound, Leading, ReplicaState } from './replica-state.ts'
import { send } from './turn.ts'
import type { Turn } from './turn.ts'

/**
 * A quorum read: admitted, then a round of "is my token still your highest promise?" that BEGINS after the admission,
 * then the value from the applied state. Reads that arrive during a round wait for the next one.
 */
export function onRead(state: ReplicaState, turn: Turn, id: number): void {
  const { role } = state
  if (role.kind === 'follower') {
    turn.effects.push({ kind: 'refuse', id, code: 'NOT_LEADER', why: 'not the leader' })
  } else if (role.kind !== 'leading' || !role.serving) {
    turn.effects.push({ kind: 'refuse', id, code: 'NOT_SERVING', why: 'the write quorum is not sealed yet' })
  } else if (role.freeze !== undefined && !state.rules.answersFrozenReads) {
    // The barrier may be handed out at any time, and with it the range: another region may acknowledge writes by now.
    turn.effects.push({ kind: 'refuse', id, code: 'RANGE_FROZEN', why: 'the range is on its way to another region' })
  } else if (role.reads.length >= state.bounds.readsWaitingMax) {
    turn.effects.push({ kind: 'refuse', id, code: 'OVERLOADED', why: 'too many reads are waiting' })
  } else {
    role.reads.push({ id, sinceMs: turn.nowMs })
    if (role.round === undefined) startRound(state, turn, role)
  }
}

function startRound(state: ReplicaState, turn: Turn, role: Leading): void {
  if (role.reads.length === 0) return
  const reads = role.reads
  role.reads = []
  role.rounds += 1
  // The leader's own word counts: its promise is its token, or it would have stepped down.
  const round: ConfirmRound = { number: role.rounds, reads, confirmed: new Set([state.self]), askedAtMs: turn.nowMs }
  role.round = round
  ask(state, turn, role, round)
  finish(state, turn, role, round)
}

function ask(state: ReplicaState, turn: Turn, role: Leading, round: ConfirmRound): void {
  round.askedAtMs = turn.nowMs
  const request: ConfirmRequest = { kind: 'confirm', token: role.token, round: round.number }
  for (const replica of voters(role.members)) if (!round.confirmed.has(replica)) send(turn, replica, request)
}

export function onConfirmed(
  state: ReplicaState,
  turn: Turn,
  role: Leading,
  from: NodeId,
  request: ConfirmRequest,
  response: ReplicaResponse & { kind: 'confirm' },
): void {
  const { round } = role
  if (round === undefined || request.round !== round.number || !tokensEqual(response.promised, role.token)) return
  round.confirmed.add(from)
  finish(state, turn, role, round)
}

function finish(state: ReplicaState, turn: Turn, role: Leading, round: ConfirmRound): void {
  if (!isQuorum(state.rules.readSets(role), state.rules.readQuorum, round.confirmed)) return
  // Applying is part of committing, so the applied state holds everything acknowledged before the read was admitted.
  if (state.shard.appliedIndex !== state.commitIndex)
    throw new Error('I18: a read before everything committed is applied')
  for (const read of round.reads) turn.effects.push({ kind: 'answer-read', id: read.id })
  role.round = undefined
  startRound(state, turn, role)
}

export function tickReads(state: ReplicaState, turn: Turn, role: Leading): void {
  const expired = (since: number): boolean => turn.nowMs - since > state.bounds.readMsMax
  const refuse = (id: number): void => {
    turn.effects.push({
      kind: 'refuse',
      id,
      code: 'UNAVAILABLE',
      why: 'no quorum of replicas confirmed the token in time',
    })
  }
  if (role.round !== undefined) {
    const kept = role.round.reads.filter((read) => !expired(read.sinceMs))
    for (const read of role.round.reads) if (expired(read.sinceMs)) refuse(read.id)
    role.round = kept.length === 0 ? undefined : { ...role.round, reads: kept }
  }
  for (const read of role.reads) if (expired(read.sinceMs)) refuse(read.id)
  role.reads = role.reads.filter((read) => !expired(read.sinceMs))
  if (role.round === undefined) startRound(state, turn, role)
  else if (turn.nowMs - role.round.askedAtMs >= state.bounds.confirmRetryMs) ask(state, turn, role, role.round)
}
