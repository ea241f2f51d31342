import { appendOwn } from './lead.ts'
import { trimMarkItems } from './log-entry.ts'
import type { Leading, Progress, ReplicaState } from './replica-state.ts'
import type { Turn } from './turn.ts'

const TRIM_ENTRIES_MIN = 8

/**
 * Declares up to where entries need not be kept: what is committed, hence durable at a quorum, and held by everybody
 * that answers. Who does not answer, or cannot keep up, is installed from the state when it comes back.
 */
export function markTrim(state: ReplicaState, turn: Turn, role: Leading): void {
  const { bounds, log } = state
  // A frozen leader's log ends where its barrier was told: the target has to hold all of it.
  if (!role.serving || role.freeze !== undefined || role.markIndex > state.commitIndex) return
  if (log.length <= bounds.logEntriesMax && log.bytes <= bounds.logBytesMax) return
  const full = log.length > bounds.logEntriesHeld || log.bytes > bounds.logBytesHeld
  let held = Math.min(state.commitIndex, state.durableIndex)
  for (const progress of role.progress.values()) {
    if (!full && !isSilent(progress, turn.nowMs, bounds.silentMs)) held = Math.min(held, needed(state, progress))
  }
  // In big bites: a mark is an entry itself.
  if (held - bounds.logEntriesKept - log.base.index < TRIM_ENTRIES_MIN) return
  role.markIndex = log.lastIndex + 1
  appendOwn(state, turn, role, { index: role.markIndex, token: role.token, session: '', items: trimMarkItems(held) })
}

function isSilent(progress: Progress, nowMs: number, silentMs: number): boolean {
  return progress.silentSinceMs !== undefined && nowMs - progress.silentSinceMs > silentMs
}

/** Entries above it will be asked for: of one that fetches the state, those that follow the state on offer. */
function needed(state: ReplicaState, progress: Progress): number {
  const fetches = progress.installing || progress.next <= state.log.base.index
  return fetches ? (state.offer?.base.index ?? state.commitIndex) : progress.match
}
