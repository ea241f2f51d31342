import { compareTokens, tokensEqual } from '@meridian/topology'
import type { NodeId, Token } from '@meridian/topology'
import { commitTo } from './commit.ts'
import { startInstall } from './install.ts'
import { lastPossible } from './lineage.ts'
import type { LogEntry } from './log-entry.ts'
import { divergence } from './quarantine.ts'
import type { AppendRequest, ConfirmRequest, FetchRequest, SealRequest } from './replica-message.ts'
import type { ReplicaState } from './replica-state.ts'
import { appendEntry, promise, reply, truncate } from './turn.ts'
import type { Turn } from './turn.ts'

export function onSeal(state: ReplicaState, turn: Turn, id: number, request: SealRequest): void {
  promise(state, turn, request.token, 'sealed by a new leader')
  reply(turn, id, { kind: 'seal', promised: state.promised, last: state.log.last, commitIndex: state.commitIndex })
}

export function onAppend(
  state: ReplicaState,
  turn: Turn,
  id: number,
  from: NodeId | undefined,
  request: AppendRequest,
): void {
  const { log } = state
  const accepted = promise(state, turn, request.token, 'entries of a new leader')
  if (accepted && state.role.kind !== 'follower' && tokensEqual(state.role.token, request.token)) {
    // Two leaders under one token (I7): accepting would fork the log, so both are left standing for a person to see.
    reply(turn, id, { kind: 'refused', code: 'INTERNAL' })
    return
  }
  const disagrees = (): void => {
    reply(turn, id, {
      kind: 'append',
      promised: state.promised,
      matched: false,
      last: lastPossible(log.runs, log.lastIndex, request.previous),
      installing: state.incoming !== undefined,
    })
  }
  if (!accepted || (state.incoming?.differsAt ?? 0) > 0) return disagrees()
  if (!log.matches(request.previous)) {
    if (request.install && from !== undefined) startInstall(state, turn, from, 0)
    return disagrees()
  }
  const differsAt = adopt(state, turn, request.entries, request.token)
  if (differsAt !== undefined) {
    if (from !== undefined) startInstall(state, turn, from, differsAt)
    return disagrees()
  }
  const end = request.previous.index + request.entries.length
  if (end >= state.commitIndex) state.agreed = request.token
  commitTo(state, turn, Math.min(request.commitIndex, Math.max(end, state.commitIndex)))
  if (state.incoming?.base !== undefined && log.matches(state.incoming.base)) state.incoming = undefined
  reply(turn, id, { kind: 'append', promised: state.promised, matched: true, last: log.last, installing: false })
}

/**
 * Makes the log agree with `entries` of a leader's log, the first of which follows an entry that matches. Entries
 * already held stay, and nothing beyond them is dropped: a delayed request may show only a prefix of what has arrived
 * since. Where what is committed here would have to go, nothing is changed and that index returned.
 */
export function adopt(
  state: ReplicaState,
  turn: Turn,
  entries: readonly LogEntry[],
  leader: Token,
): number | undefined {
  const { log } = state
  const at = entries.findIndex((entry) => {
    const held = log.tokenAt(entry.index)
    return held === undefined || !tokensEqual(held, entry.token)
  })
  const rest = at < 0 ? [] : entries.slice(at)
  const [first] = rest
  if (first !== undefined && first.index <= log.lastIndex) {
    const lost = divergence(
      state,
      first.index - 1,
      leader,
      rest.map((entry) => entry.token),
    )
    if (first.index <= state.commitIndex) return first.index
    turn.quarantine.push(...lost)
    truncate(state, turn, first.index)
  }
  for (const entry of rest) appendEntry(state, turn, entry)
  return undefined
}

export function onFetch(state: ReplicaState, turn: Turn, id: number, request: FetchRequest): void {
  // Under any other promise this log may have changed since its end was told, and the copy would be of two logs.
  if (compareTokens(state.promised, request.token) !== 0) {
    reply(turn, id, { kind: 'refused', code: 'TOKEN_STALE' })
    return
  }
  const from = Math.max(request.fromIndex, state.log.base.index + 1)
  const token = state.log.tokenAt(from - 1)
  if (token === undefined) {
    reply(turn, id, { kind: 'refused', code: 'INVALID_ARGUMENT' })
    return
  }
  const entries = state.log.slice(from, {
    bytesMax: Math.min(request.bytesMax, state.bounds.fetchBytesMax),
    entriesMax: state.bounds.appendEntriesMax,
  })
  reply(turn, id, { kind: 'fetch', entries, previous: { index: from - 1, token } })
}

export function onConfirm(state: ReplicaState, turn: Turn, id: number, _request: ConfirmRequest): void {
  // Not gated: it says what has not been promised, and a promise that the disk does not hold yet is known to nobody.
  reply(turn, id, { kind: 'confirm', promised: state.promised }, false)
}
