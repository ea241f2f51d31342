import { compareTokens, formatToken, tokensEqual } from '@meridian/topology'
import type { NodeId, Token } from '@meridian/topology'
import type { LogBase } from './lineage.ts'
import type { LogEntry } from './log-entry.ts'
import type { Quarantined } from './quarantine.ts'
import type { ReplicaRequest, ReplicaResponse } from './replica-message.ts'
import type { Effect, ReplicaState, Role } from './replica-state.ts'

/** One step of a replica: the time it happens at, what it changes for good, and what it wants done. */
export interface Turn {
  readonly nowMs: number
  readonly effects: Effect[]
  staged: (Effect & { kind: 'stage' }) | undefined
  install: { readonly id: number; readonly base: LogBase } | undefined
  readonly quarantine: Quarantined[]
  truncateFrom: number | undefined
  readonly append: LogEntry[]
  /** Something must become durable, be it only the promise. */
  writes: boolean
}

export function newTurn(nowMs: number): Turn {
  return {
    nowMs,
    effects: [],
    staged: undefined,
    install: undefined,
    quarantine: [],
    truncateFrom: undefined,
    append: [],
    writes: false,
  }
}

/** The effects, what goes to the disk first: replies gated on durability are then gated on it too. */
export function endTurn(state: ReplicaState, turn: Turn): Effect[] {
  const staged = turn.staged === undefined ? [] : [turn.staged]
  if (!turn.writes) return [...staged, ...turn.effects]
  const ticket = state.nextTicket++
  state.unpersisted.push({ ticket, lastIndex: state.log.lastIndex })
  const { promised, commitIndex } = state
  const { install, quarantine, truncateFrom, append } = turn
  return [
    ...staged,
    { kind: 'persist', ticket, write: { promised, commitIndex, install, quarantine, truncateFrom, append } },
    ...turn.effects,
  ]
}

export function send(turn: Turn, to: NodeId, request: ReplicaRequest): void {
  turn.effects.push({ kind: 'send', to, request })
}

export function reply(turn: Turn, id: number, response: ReplicaResponse, durable = true): void {
  turn.effects.push({ kind: 'reply', id, durable, response })
}

export function appendEntry(state: ReplicaState, turn: Turn, entry: LogEntry): void {
  if (compareTokens(entry.token, state.promised) > 0)
    throw new Error(`entry ${entry.index} of ${formatToken(entry.token)} above the promise`)
  state.log.append(entry)
  turn.append.push(entry)
  turn.writes = true
}

/** Drops an uncommitted suffix. What is committed may have been acknowledged, so losing it is the end. */
export function truncate(state: ReplicaState, turn: Turn, from: number): void {
  if (from <= state.commitIndex)
    throw new Error(`I19: truncation from ${from} would drop entries committed up to ${state.commitIndex}`)
  if (turn.append.length > 0) throw new Error('a turn truncates before it appends')
  state.log.truncateFrom(from)
  forgetDurable(state, from - 1)
  turn.truncateFrom = from
  turn.writes = true
}

/** What the disk holds beyond `index`, or was handed, is not this log's any more. */
export function forgetDurable(state: ReplicaState, index: number): void {
  state.durableIndex = Math.min(state.durableIndex, index)
  for (const write of state.unpersisted) write.lastIndex = Math.min(write.lastIndex, index)
}

/** The ratchet: false when `token` is refused. Raising past the token this replica leads under ends its leadership. */
export function promise(state: ReplicaState, turn: Turn, token: Token, why: string): boolean {
  const decided = state.rules.ratchet(state.promised, token)
  if (decided === 'refused') return false
  if (decided === 'raised') {
    state.promised = token
    turn.writes = true
    // What is being fetched is of a leader, or for a leadership, that is over.
    state.incoming = undefined
    if (state.role.kind !== 'follower' && !tokensEqual(state.role.token, token)) stepDown(state, turn, why)
  }
  return true
}

export function changeRole(state: ReplicaState, turn: Turn, role: Role, why: string): void {
  const from = roleName(state.role)
  state.role = role
  turn.effects.push({ kind: 'role', from, to: roleName(role), token: state.promised, why })
}

export function roleName(role: Role): string {
  return role.kind === 'leading' && role.serving ? 'serving' : role.kind
}

/** Everything outstanding is answered: writes "unknown", because the next leader may find them; reads refused. */
export function stepDown(state: ReplicaState, turn: Turn, why: string): void {
  const { role } = state
  if (role.kind === 'follower') return
  if (role.kind === 'leading') {
    for (const write of role.writes) turn.effects.push({ kind: 'unknown', id: write.id, why })
    for (const read of [...(role.round?.reads ?? []), ...role.reads]) {
      turn.effects.push({ kind: 'refuse', id: read.id, code: 'NOT_LEADER', why })
    }
  }
  changeRole(state, turn, { kind: 'follower' }, why)
}
