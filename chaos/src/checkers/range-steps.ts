import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { byRevision } from './witnessed.ts'

/** One record of a range as it was committed, and what it was of the operation that it names. */
export interface RangeStep {
  readonly commit: EventOf<'g.commit'>
  /** All of an operation; or, of a planned transfer, a step on the way, or the commit or abort that ends it. */
  readonly part: 'whole' | 'step' | 'end'
}

/** In the order of revisions; removals name no operation and are left out. */
export function rangeSteps(history: readonly HistoryEvent[]): readonly RangeStep[] {
  /** The transfer that each range is on. */
  const moving = new Map<string, string>()
  const steps: RangeStep[] = []
  for (const { events } of byRevision(eventsOf(history, 'g.commit'))) {
    for (const commit of events) {
      if (commit.status === 'gone') continue
      const name = `${commit.keyspace} ${commit.range}`
      const between = commit.status === 'moving' || commit.status === 'frozen'
      const ends = !between && moving.get(name) === commit.op
      steps.push({ commit, part: between ? 'step' : ends ? 'end' : 'whole' })
      if (between) moving.set(name, commit.op)
      else moving.delete(name)
    }
  }
  return steps
}
