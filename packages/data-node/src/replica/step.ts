import { compareTokens, tokensEqual } from '@meridian/topology'
import type { NodeId, OperationId } from '@meridian/topology'
import type { LogPosition } from './log-entry.ts'
import { onAppend, onConfirm, onFetch, onSeal } from './follow.ts'
import { advanceCommit } from './commit.ts'
import { feedAll, onAppended, onUnansweredAppend, sendAppends } from './feed.ts'
import { askForState, onStatePiece, onUnansweredState } from './install.ts'
import { expireWrites, onWrite } from './lead.ts'
import { expireOffer, onState } from './offer.ts'
import { onConfirmed, onRead, tickReads } from './read.ts'
import type { ReplicaRequest, ReplicaResponse } from './replica-message.ts'
import type { Effect, ReplicaEvent, ReplicaState } from './replica-state.ts'
import { askForSeals, goOn, onFetched, onOwnPromiseDurable, onSealed, restart, startSealing } from './take-over.ts'
import { markTrim } from './trim.ts'
import { endTurn, newTurn, promise, reply, stepDown } from './turn.ts'
import type { Turn } from './turn.ts'

/**
 * One event of a shard replica: changes `state` in place (a log is too large to copy) and returns what to do, in
 * order. Deterministic; no clock, disk or network of its own. A thrown Error is a broken invariant: the process must
 * end, because what it would do next cannot be trusted.
 */
export function step(state: ReplicaState, event: ReplicaEvent, nowMs: number): Effect[] {
  const turn = newTurn(nowMs)
  handle(state, turn, event)
  return endTurn(state, turn)
}

function handle(state: ReplicaState, turn: Turn, event: ReplicaEvent): void {
  switch (event.kind) {
    case 'assign':
      return onAssign(state, turn, event)
    case 'request':
      return onRequest(state, turn, event.id, event.from, event.request)
    case 'response':
      return onResponse(state, turn, event.from, event.request, event.response)
    case 'unanswered':
      return onUnanswered(state, turn, event.from, event.request)
    case 'write':
      return onWrite(state, turn, event.id, event.session, event.items)
    case 'read':
      return onRead(state, turn, event.id)
    case 'persisted':
      return onPersisted(state, turn, event.ticket)
    case 'tick':
      return onTick(state, turn)
  }
}

/** True while time alone may require something of this replica. */
export function wantsTicks({ role, incoming, offer }: ReplicaState): boolean {
  return role.kind !== 'follower' || incoming !== undefined || offer !== undefined
}

/**
 * Where everything is decided that was or will be acknowledged under this leader, if it is frozen for `operation`:
 * undefined while it is not, or while anything is undecided. It takes nothing new under its token.
 */
export function barrierOf({ role, commitIndex, log }: ReplicaState, operation: OperationId): LogPosition | undefined {
  if (role.kind !== 'leading' || !role.serving || role.freeze !== operation || commitIndex !== log.lastIndex)
    return undefined
  return { index: log.lastIndex, token: role.token }
}

function onAssign(state: ReplicaState, turn: Turn, event: ReplicaEvent & { kind: 'assign' }): void {
  const { role } = state
  const leadsNow = role.kind !== 'follower' && tokensEqual(role.token, event.token)
  if (!event.leads) {
    // A higher token was decided: the promise may follow it at once, which only makes an old leader stop earlier.
    if (compareTokens(event.token, state.promised) > 0) promise(state, turn, event.token, 'another leader was named')
    else if (leadsNow) stepDown(state, turn, 'leadership taken back')
  } else if (leadsNow) {
    role.learners = event.learners
    if (role.kind === 'leading') {
      feedAll(state, role)
      sendAppends(state, turn, role, true)
    }
  } else if (compareTokens(event.token, state.promised) >= 0) {
    startSealing(state, turn, event, 'named leader')
  }
}

function onRequest(
  state: ReplicaState,
  turn: Turn,
  id: number,
  from: NodeId | undefined,
  request: ReplicaRequest,
): void {
  switch (request.kind) {
    case 'seal':
      return onSeal(state, turn, id, request)
    case 'append':
      return onAppend(state, turn, id, from, request)
    case 'fetch':
      return onFetch(state, turn, id, request)
    case 'confirm':
      return onConfirm(state, turn, id, request)
    case 'state':
      return onState(state, turn, id, request)
    default:
      return reply(turn, id, { kind: 'refused', code: 'INVALID_ARGUMENT' })
  }
}

function onResponse(
  state: ReplicaState,
  turn: Turn,
  from: NodeId,
  request: ReplicaRequest,
  response: ReplicaResponse,
): void {
  if (request.kind === 'state') return onStateResponse(state, turn, from, request, response)
  const { role } = state
  if (role.kind === 'follower' || !tokensEqual(role.token, request.token)) return
  if (
    (response.kind === 'seal' || response.kind === 'append' || response.kind === 'confirm') &&
    compareTokens(response.promised, role.token) > 0
  ) {
    promise(state, turn, response.promised, `${from} has promised a higher token`)
    return
  }
  if (response.kind === 'refused') return onUnanswered(state, turn, from, request)
  if (role.kind === 'sealing' && response.kind === 'seal') return onSealed(state, turn, role, from, response)
  if (role.kind === 'fetching' && response.kind === 'fetch' && role.inFlight === request)
    return onFetched(state, turn, role, response)
  if (role.kind !== 'leading') return
  if (response.kind === 'append' && request.kind === 'append') onAppended(state, turn, role, from, request, response)
  if (response.kind === 'confirm' && request.kind === 'confirm') onConfirmed(state, turn, role, from, request, response)
}

function onStateResponse(
  state: ReplicaState,
  turn: Turn,
  from: NodeId,
  request: ReplicaRequest,
  response: ReplicaResponse,
): void {
  const { incoming } = state
  if (incoming === undefined || incoming.inFlight !== request) return
  if (response.kind !== 'state') return onUnanswered(state, turn, from, request)
  if (onStatePiece(state, turn, incoming, response) && state.role.kind === 'fetching')
    goOn(state, turn, state.role, response.base.index)
}

function onUnanswered(state: ReplicaState, turn: Turn, from: NodeId, request: ReplicaRequest): void {
  const { role, incoming } = state
  if (incoming !== undefined && incoming.inFlight === request) {
    if (role.kind === 'fetching') restart(state, turn, role, `${from} did not hand over its state`)
    else onUnansweredState(state, turn, incoming)
  }
  if (role.kind === 'fetching' && role.inFlight === request)
    restart(state, turn, role, `${from} did not hand over its log`)
  if (role.kind === 'leading' && request.kind === 'append') onUnansweredAppend(state, turn, role, from, request)
}

function onPersisted(state: ReplicaState, turn: Turn, ticket: number): void {
  for (let [first] = state.unpersisted; first !== undefined && first.ticket <= ticket; [first] = state.unpersisted) {
    state.durableIndex = first.lastIndex
    state.unpersisted.shift()
  }
  const { role } = state
  if (role.kind === 'sealing') onOwnPromiseDurable(state, turn, role, ticket)
  else if (role.kind === 'leading') {
    advanceCommit(state, turn, role)
    if (state.role.kind === 'leading') sendAppends(state, turn, state.role)
  }
}

function onTick(state: ReplicaState, turn: Turn): void {
  const { role } = state
  expireOffer(state, turn)
  askForState(state, turn)
  if (role.kind === 'sealing') askForSeals(state, turn, role)
  if (role.kind !== 'leading') return
  expireWrites(state, turn, role)
  tickReads(state, turn, role)
  markTrim(state, turn, role)
  sendAppends(state, turn, role, true)
}
