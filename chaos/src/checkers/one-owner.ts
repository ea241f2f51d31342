import { EMPTY_KEY, formatKey, parseKey } from '@meridian/topology'
import type { Key } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { byRevision, commitsAreWhole, placeOf } from './witnessed.ts'

interface LiveRange {
  readonly start: Key
  readonly end: Key
  readonly commit: EventOf<'g.commit'>
}

/** Safety I1: after each revision of G the ranges of every keyspace are a partition of all keys, each with an owner. */
export function checkOneOwner(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const keyspaces = new Map<string, Map<Key, LiveRange>>()
  let partitions = 0
  let most = 0
  for (const revision of byRevision(eventsOf(history, 'g.commit'))) {
    const touched = new Map<string, Map<Key, LiveRange>>()
    for (const commit of revision.events) {
      const ranges = keyspaces.get(commit.keyspace) ?? new Map<Key, LiveRange>()
      keyspaces.set(commit.keyspace, ranges)
      touched.set(commit.keyspace, ranges)
      const [start, end] = [parseKey(commit.start), parseKey(commit.end)]
      // By start, as G keys them: a later record at the same start takes the earlier one's place.
      if (commit.status === 'gone') ranges.delete(start)
      else ranges.set(start, { start, end, commit })
    }
    for (const [keyspace, ranges] of touched) {
      partitions += 1
      most = Math.max(most, ranges.size)
      const complaint = partitionComplaint([...ranges.values()])
      if (complaint !== undefined) findings.violation(`keyspace ${keyspace} at ${placeOf(revision)}: ${complaint}`)
    }
  }
  commitsAreWhole(history, (tier) => tier === GLOBAL_TIER, findings)
  if (partitions === 0) findings.gap('no range was committed')
  return findings.verdict(`${partitions} revisions, each a partition of all keys into at most ${most} ranges`, {
    revisions: partitions,
    rangesMost: most,
  })
}

function partitionComplaint(ranges: readonly LiveRange[]): string | undefined {
  const ids = new Set(ranges.map(({ commit }) => commit.range))
  if (ids.size !== ranges.length) return 'one range id stands for two intervals'
  const unowned = ranges.find(({ commit }) => commit.owner === '')
  if (unowned !== undefined) return `range ${unowned.commit.range} has no owner`
  const sorted = ranges.toSorted((a, b) => (a.start < b.start ? -1 : 1))
  // `due` is where the next range must start; undefined once the top has been reached.
  let due: Key | undefined = EMPTY_KEY
  for (const { start, end, commit } of sorted) {
    if (due === undefined || start < due)
      return `range ${commit.range} takes keys of the one below from ${formatKey(start)} on`
    if (start > due) return `nobody owns the keys from "${formatKey(due)}" to ${formatKey(start)}`
    due = end === EMPTY_KEY ? undefined : end
  }
  return due === undefined ? undefined : `nobody owns the keys from "${formatKey(due)}" on`
}
