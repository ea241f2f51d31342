import { tokensEqual } from '@meridian/topology'
import { samePosition } from './lineage.ts'
import type { LogBase } from './lineage.ts'
import type { LogPosition } from './log-entry.ts'
import type { StateRequest } from './replica-message.ts'
import type { ReplicaState } from './replica-state.ts'
import { SESSION_RUN_BYTES } from './session-table.ts'
import type { StatePiece } from './shard-state.ts'
import { reply } from './turn.ts'
import type { Turn } from './turn.ts'

/** The applied state as it was at one index, held in pieces for those who fetch it. Values are shared, not copied. */
export interface Offer {
  readonly base: LogBase
  readonly pieces: readonly StatePiece[]
  usedMs: number
}

export function onState(state: ReplicaState, turn: Turn, id: number, request: StateRequest): void {
  // Under any other promise this log is not the one that the asker was sent to.
  if (!tokensEqual(state.promised, request.token)) return reply(turn, id, { kind: 'refused', code: 'TOKEN_STALE' })
  const offer = usable(state, request.at) ?? newOffer(state, turn)
  offer.usedMs = turn.nowMs
  const { base, pieces } = offer
  const through = Math.min(request.through, state.log.lastIndex)
  const begun = request.at !== undefined && samePosition(base, request.at)
  const part = begun ? request.part : 0
  const piece = pieces[part]
  if (piece !== undefined) {
    const last = part === pieces.length - 1 && through <= base.index
    return reply(turn, id, { kind: 'state', base, part, last, entries: [], ...piece })
  }
  const entries = state.log
    .slice(Math.max(request.have, base.index) + 1, {
      bytesMax: state.bounds.fetchBytesMax,
      entriesMax: state.bounds.appendEntriesMax,
    })
    .filter((entry) => entry.index <= through)
  const last = (entries.at(-1)?.index ?? through) >= through
  reply(turn, id, { kind: 'state', base, part, last, entries, values: [], sessions: [] })
}

/** The present offer, if it is the one asked for, or any will do and the log still joins it. */
function usable(state: ReplicaState, at: LogPosition | undefined): Offer | undefined {
  const { offer } = state
  if (offer === undefined || !state.log.matches(offer.base) || offer.base.index < state.log.base.index) return undefined
  return at === undefined || samePosition(offer.base, at) ? offer : undefined
}

function newOffer(state: ReplicaState, turn: Turn): Offer {
  const { values, sessions, appliedIndex } = state.shard.full()
  const offer = {
    base: state.log.baseAt(appliedIndex),
    pieces: inPieces({ values, sessions }, state.bounds.installBytesMax),
    usedMs: turn.nowMs,
  }
  state.offer = offer
  return offer
}

export function expireOffer(state: ReplicaState, turn: Turn): void {
  if (state.offer !== undefined && turn.nowMs - state.offer.usedMs > state.bounds.offerMs) state.offer = undefined
}

/** At least one, for a state of nothing is a state too. */
export function inPieces(whole: StatePiece, bytesMax: number): readonly StatePiece[] {
  const pieces: StatePiece[] = []
  let values: StatePiece['values'][number][] = []
  let sessions: StatePiece['sessions'][number][] = []
  let bytes = 0
  const weigh = (more: number): void => {
    if (bytes > 0 && bytes + more > bytesMax) {
      pieces.push({ values, sessions })
      ;[values, sessions, bytes] = [[], [], 0]
    }
    bytes += more
  }
  for (const row of whole.values) {
    weigh(32 + row[0].length + row[1].value.length)
    values.push(row)
  }
  for (const session of whole.sessions) {
    weigh(64 + session.session.length + SESSION_RUN_BYTES * session.runs.length)
    sessions.push(session)
  }
  return [...pieces, { values, sessions }]
}
