import { compareTokens, tokensEqual } from '@meridian/topology'
import { commitTo } from './commit.ts'
import type { LogEntry } from './log-entry.ts'
import type { AppendRequest, ConfirmRequest, FetchRequest, SealRequest } from './replica-message.ts'
import type { ReplicaState } from './replica-state.ts'
import { appendEntry, promise, reply, truncate } from './turn.ts'
import type { Turn } from './turn.ts'

export function onSeal(state: ReplicaState, turn: Turn, id: number, request: SealRequest): void {
  promise(state, turn, request.token, 'sealed by a new leader')
  reply(turn, id, { kind: 'seal', promised: state.promised, last: state.log.last, commitIndex: state.commitIndex })
}

export function onAppend(state: ReplicaState, turn: Turn, id: number, request: AppendRequest): void {
  if (!promise(state, turn, request.token, 'entries of a new leader')) {
    reply(turn, id, { kind: 'append', promised: state.promised, matched: false, lastIndex: state.log.lastIndex })
    return
  }
  if (state.role.kind !== 'follower' && tokensEqual(state.role.token, request.token)) {
    // Two leaders under one token (I7): accepting would fork the log, so both are left standing for a person to see.
    reply(turn, id, { kind: 'refused', code: 'INTERNAL' })
    return
  }
  // Up to the base everything is committed and held by all, so the part of a request that lies there matches.
  const above = request.previous.index < state.log.base.index ? state.log.base : request.previous
  const entries = request.entries.filter((entry) => entry.index > above.index)
  const end = request.previous.index + request.entries.length
  if (!state.log.matches(above)) {
    // The committed prefix is the same everywhere; the hint never lies below it and never above the mismatch.
    const hint = request.previous.index > state.log.lastIndex ? state.log.lastIndex : state.commitIndex
    reply(turn, id, { kind: 'append', promised: request.token, matched: false, lastIndex: hint })
    return
  }
  adopt(state, turn, entries)
  commitTo(state, turn, Math.min(request.commitIndex, Math.max(end, state.commitIndex)))
  reply(turn, id, { kind: 'append', promised: request.token, matched: true, lastIndex: end })
}

/**
 * Makes the log agree with `entries`, the first of which follows an entry that matches. Entries already held stay, and
 * nothing beyond them is dropped: a delayed request may show only a prefix of what has arrived since.
 */
export function adopt(state: ReplicaState, turn: Turn, entries: readonly LogEntry[]): void {
  for (const entry of entries) {
    const held = state.log.tokenAt(entry.index)
    if (held !== undefined && tokensEqual(held, entry.token)) continue
    if (held !== undefined) truncate(state, turn, entry.index)
    appendEntry(state, turn, entry)
  }
}

export function onFetch(state: ReplicaState, turn: Turn, id: number, request: FetchRequest): void {
  // Under any other promise this log may have changed since its end was told, and the copy would be of two logs.
  if (compareTokens(state.promised, request.token) !== 0) {
    reply(turn, id, { kind: 'refused', code: 'TOKEN_STALE' })
    return
  }
  const from = Math.max(request.fromIndex, state.log.base.index + 1)
  const previousToken = state.log.tokenAt(from - 1)
  if (previousToken === undefined) {
    reply(turn, id, { kind: 'refused', code: 'INVALID_ARGUMENT' })
    return
  }
  const entries = state.log.slice(from, {
    bytesMax: Math.min(request.bytesMax, state.bounds.fetchBytesMax),
    entriesMax: state.bounds.appendEntriesMax,
  })
  reply(turn, id, { kind: 'fetch', entries, previousToken })
}

export function onConfirm(state: ReplicaState, turn: Turn, id: number, _request: ConfirmRequest): void {
  // Not gated: it says what has not been promised, and a promise that the disk does not hold yet is known to nobody.
  reply(turn, id, { kind: 'confirm', promised: state.promised }, false)
}
