import { compareTokens, tokensEqual } from '@meridian/topology'
import type { NodeId, Token } from '@meridian/topology'
import { advanceCommit } from './commit.ts'
import { feedAll, sendAppends } from './feed.ts'
import { adopt } from './follow.ts'
import { startInstall } from './install.ts'
import { entryBytes } from './log-entry.ts'
import { isQuorum, voters } from './members.ts'
import type { FetchRequest, ReplicaResponse, SealRequest } from './replica-message.ts'
import type { Fetching, Leading, Mandate, ReplicaState, Sealing } from './replica-state.ts'
import { appendEntry, changeRole, promise, send } from './turn.ts'
import type { Turn } from './turn.ts'

/** Begins, or begins again, to seal a write quorum under `token`. */
export function startSealing(state: ReplicaState, turn: Turn, mandate: Mandate, why: string, delayMs = 0): void {
  const { token, members, freeze, learners } = mandate
  if (!promise(state, turn, token, why)) return
  if (!voters(members).includes(state.self) || compareTokens(token, state.promisedAtStart) <= 0) return
  // Also when the promise stands already: it may still be on its way to the disk.
  turn.writes = true
  state.incoming = undefined
  const role: Sealing = {
    kind: 'sealing',
    token,
    members,
    freeze,
    learners,
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
  for (const replica of voters(role.members))
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
  if (!voters(role.members).includes(from)) return
  role.votes.set(from, response.last)
  chooseLog(state, turn, role)
}

/** With a quorum sealed, nothing under an older token can be committed any more that is not in the best of its logs. */
function chooseLog(state: ReplicaState, turn: Turn, role: Sealing): void {
  const { sealSets, sealQuorum } = state.rules
  if (!isQuorum(sealSets(role), sealQuorum, role.votes) || !role.votes.has(state.self)) return
  let source = state.self
  let target = state.log.last
  for (const [node, last] of role.votes) {
    if (state.rules.compareLogs(last, target) > 0) [source, target] = [node, last]
  }
  if (source === state.self) {
    startLeading(state, turn, role)
    return
  }
  // Same last token: its leader wrote both logs, so mine is a prefix. Else at most the committed part is known to agree.
  const sameToken = tokensEqual(target.token, state.log.last.token)
  const from = sameToken ? state.log.lastIndex : Math.min(state.commitIndex, target.index - 1)
  const inFlight = fetchRequest(state, role.token, from + 1)
  const { token, members, freeze, learners } = role
  const fetching: Fetching = { kind: 'fetching', token, members, freeze, learners, source, target, inFlight }
  changeRole(state, turn, fetching, `${source} holds more`)
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
  const { entries, previous } = response
  const differsAt = state.log.matches(previous) ? adopt(state, turn, entries, role.token) : previous.index
  if (differsAt !== undefined) {
    // Ours ends below what the source trimmed, or differs in what is committed: only the source's state helps.
    role.inFlight = undefined
    startInstall(state, turn, role.source, differsAt)
    return
  }
  goOn(state, turn, role, previous.index + entries.length)
}

/** The log is the chosen one up to `index`; beyond, it may still hold entries of its own. */
export function goOn(state: ReplicaState, turn: Turn, role: Fetching, index: number): void {
  if (index < role.target.index) {
    role.inFlight = fetchRequest(state, role.token, index + 1)
    send(turn, role.source, role.inFlight)
    return
  }
  if (state.rules.compareLogs(state.log.last, role.target) !== 0)
    throw new Error('the fetched log does not end where its seal said')
  startLeading(state, turn, role)
}

/** After a pause, so that a replica that keeps failing is not asked in a circle without end. */
export function restart(state: ReplicaState, turn: Turn, role: Fetching, why: string): void {
  startSealing(state, turn, role, why, state.bounds.retryMs)
}

function startLeading(state: ReplicaState, turn: Turn, from: Sealing | Fetching): void {
  const { token, members, freeze, learners } = from
  const barrier = { index: state.log.lastIndex + 1, token, session: '', items: [] }
  const role: Leading = {
    kind: 'leading',
    token,
    members,
    freeze,
    learners,
    barrierIndex: barrier.index,
    serving: false,
    progress: new Map(),
    writes: [],
    uncommittedBytes: entryBytes(barrier),
    reads: [],
    round: undefined,
    rounds: 0,
    markIndex: 0,
  }
  feedAll(state, role)
  appendEntry(state, turn, barrier)
  changeRole(state, turn, role, 'write quorum sealed')
  sendAppends(state, turn, role)
  advanceCommit(state, turn, role)
}
