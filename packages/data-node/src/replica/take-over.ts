import { compareTokens, tokensEqual } from '@meridian/topology'
import type { NodeId, Token } from '@meridian/topology'
import { adopt } from './follow.ts'
import { advanceCommit, sendAppends } from './lead.ts'
import { entryBytes } from './log-entry.ts'
import type { FetchRequest, ReplicaResponse, SealRequest } from './replica-message.ts'
import type { Fetching, Progress, ReplicaState, Sealing } from './replica-state.ts'
import { appendEntry, changeRole, promise, send } from './turn.ts'
import type { Turn } from './turn.ts'

/** Begins, or begins again, to seal a write quorum under `token`. */
export function startSealing(
  state: ReplicaState,
  turn: Turn,
  token: Token,
  replicas: readonly NodeId[],
  why: string,
  delayMs = 0,
): void {
  if (!promise(state, turn, token, why)) return
  if (!replicas.includes(state.self) || compareTokens(token, state.promisedAtStart) <= 0) return
  // Also when the promise stands already: it may still be on its way to the disk.
  turn.writes = true
  const role: Sealing = {
    kind: 'sealing',
    token,
    replicas,
    votes: new Map(),
    selfTicket: state.nextTicket,
    resendAtMs: turn.nowMs + delayMs,
  }
  changeRole(state, turn, role, why)
  askForSeals(state, turn, role)
}

export function askForSeals(state: ReplicaState, turn: Turn, role: Sealing): void {
  if (turn.nowMs < role.resendAtMs) return
  role.resendAtMs = turn.nowMs + state.bounds.retryMs
  const request: SealRequest = { kind: 'seal', token: role.token }
  for (const replica of role.replicas)
    if (replica !== state.self && !role.votes.has(replica)) send(turn, replica, request)
}

export function onOwnPromiseDurable(state: ReplicaState, turn: Turn, role: Sealing, ticket: number): void {
  if (ticket < role.selfTicket || role.votes.has(state.self)) return
  role.votes.set(state.self, state.log.last)
  chooseLog(state, turn, role)
}

export function onSealed(
  state: ReplicaState,
  turn: Turn,
  role: Sealing,
  from: NodeId,
  response: ReplicaResponse & { kind: 'seal' },
): void {
  if (!role.replicas.includes(from)) return
  role.votes.set(from, response.last)
  chooseLog(state, turn, role)
}

/** With a quorum sealed, nothing under an older token can be committed any more that is not in the best of its logs. */
function chooseLog(state: ReplicaState, turn: Turn, role: Sealing): void {
  if (role.votes.size < state.rules.sealQuorum(role.replicas.length) || !role.votes.has(state.self)) return
  let source = state.self
  let target = state.log.last
  for (const [node, last] of role.votes) {
    if (state.rules.compareLogs(last, target) > 0) [source, target] = [node, last]
  }
  if (source === state.self) {
    startLeading(state, turn, role)
    return
  }
  // Same last token: its leader wrote both logs, so mine is a prefix. Else only the committed part is known to agree.
  const sameToken = tokensEqual(target.token, state.log.last.token)
  const inFlight = fetchRequest(state, role.token, sameToken ? state.log.lastIndex + 1 : state.commitIndex + 1)
  changeRole(
    state,
    turn,
    { kind: 'fetching', token: role.token, replicas: role.replicas, source, target, inFlight },
    `${source} holds more`,
  )
  send(turn, source, inFlight)
}

function fetchRequest(state: ReplicaState, token: Token, fromIndex: number): FetchRequest {
  return { kind: 'fetch', token, fromIndex, bytesMax: state.bounds.fetchBytesMax }
}

export function onFetched(
  state: ReplicaState,
  turn: Turn,
  role: Fetching,
  response: ReplicaResponse & { kind: 'fetch' },
): void {
  const [first] = response.entries
  const last = response.entries.at(-1)
  if (
    first === undefined ||
    last === undefined ||
    !state.log.matches({ index: first.index - 1, token: response.previousToken })
  ) {
    // Its log went on under a higher token, or ours ends below what it trimmed: ask everybody again.
    restart(state, turn, role, 'the fetched log does not join')
    return
  }
  adopt(state, turn, response.entries)
  if (last.index < role.target.index) {
    role.inFlight = fetchRequest(state, role.token, last.index + 1)
    send(turn, role.source, role.inFlight)
    return
  }
  if (state.rules.compareLogs(state.log.last, role.target) !== 0)
    throw new Error('the fetched log does not end where its seal said')
  startLeading(state, turn, role)
}

/** After a pause, so that a replica that keeps failing is not asked in a circle without end. */
export function restart(state: ReplicaState, turn: Turn, role: Fetching, why: string): void {
  startSealing(state, turn, role.token, role.replicas, why, state.bounds.retryMs)
}

function startLeading(state: ReplicaState, turn: Turn, from: Sealing | Fetching): void {
  const { token, replicas } = from
  const barrier = { index: state.log.lastIndex + 1, token, session: '', items: [] }
  const progress = new Map<NodeId, Progress>()
  for (const replica of replicas) {
    if (replica === state.self) continue
    progress.set(replica, { match: 0, next: barrier.index, inFlight: undefined, pausedUntilMs: 0, commitSent: 0 })
  }
  appendEntry(state, turn, barrier)
  changeRole(
    state,
    turn,
    {
      kind: 'leading',
      token,
      replicas,
      barrierIndex: barrier.index,
      serving: false,
      progress,
      writes: [],
      uncommittedBytes: entryBytes(barrier),
      reads: [],
      round: undefined,
      rounds: 0,
      markIndex: 0,
    },
    'write quorum sealed',
  )
  if (state.role.kind !== 'leading') return
  sendAppends(state, turn, state.role)
  advanceCommit(state, turn, state.role)
}
