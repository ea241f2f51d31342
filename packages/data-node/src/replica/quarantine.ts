import { formatToken } from '@meridian/topology'
import type { Generation, Token } from '@meridian/topology'
import type { LogEntry } from './log-entry.ts'
import type { ReplicaState } from './replica-state.ts'

/** An entry of a log that a higher generation went on without: it is dropped from the log and kept for a person. */
export interface Quarantined {
  readonly entry: LogEntry
  /** Known here to have been committed, so it may have been acknowledged; without this, others may know better. */
  readonly committed: boolean
  /** Of the leader whose log went on without it. */
  readonly supersededBy: Generation
  /** The entry had been trimmed: this is what the applied state still tells of it. */
  readonly remains: boolean
}

/**
 * What of this log lies above `meeting` and is not in the log of a leader of `leader`, in which `lineage` are tokens
 * found above `meeting`. Nothing is reported that can be shown never to have been committed.
 *
 * A committed part may differ only under a higher generation: regions of which one takes over from the other share no
 * quorum. Within one generation it is a broken invariant.
 */
export function divergence(
  state: ReplicaState,
  meeting: number,
  leader: Token,
  lineage: readonly Token[],
): readonly Quarantined[] {
  const { log, commitIndex } = state
  // Whoever commits anything commits an entry of its own token with it (R4).
  if (meeting < commitIndex && log.tokenAt(commitIndex)?.generation === leader.generation) {
    throw new Error(
      `I19: ${formatToken(leader)} differs from ${meeting + 1} on, and its generation committed up to ${commitIndex} here`,
    )
  }
  const dropped = log.runsAbove(meeting).map((run) => run.token)
  // What is committed here may have been so under a later generation, of which this log holds nothing itself yet.
  if (meeting >= commitIndex && neverCommitted(dropped, [...lineage, leader])) return []
  const supersededBy = leader.generation
  const kept = log
    .above(meeting)
    .map((entry) => ({ entry, committed: entry.index <= commitIndex, supersededBy, remains: false }))
  const gone =
    meeting < log.base.index
      ? state.shard.remains(meeting, log.base.index, (index) => log.tokenAt(index) ?? log.base.token)
      : []
  const trimmed = gone.map((entry) => ({ entry, committed: true, supersededBy, remains: true }))
  // Barriers and marks carry nothing that anybody could miss.
  return state.rules.quarantined([...trimmed, ...kept].filter(({ entry }) => entry.session !== ''))
}

/**
 * True when for each generation among the dropped tokens the lineage has a higher token of that very generation: its
 * leader had everything that was committed under the dropped ones, by the argument that holds inside a generation.
 */
export function neverCommitted(dropped: readonly Token[], lineage: readonly Token[]): boolean {
  return dropped.every((lost) => lineage.some((kept) => kept.generation === lost.generation && kept.epoch > lost.epoch))
}
