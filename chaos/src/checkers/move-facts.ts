import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'

/** All that was recorded of one planned move. */
export interface Move {
  readonly op: string
  readonly prepare: EventOf<'move.prepare'> | undefined
  readonly freezes: readonly EventOf<'move.freeze'>[]
  readonly barriers: readonly EventOf<'move.barrier'>[]
  readonly commits: readonly EventOf<'move.commit'>[]
  readonly aborts: readonly EventOf<'move.abort'>[]
  readonly thaws: readonly EventOf<'move.thaw'>[]
  readonly activations: readonly EventOf<'move.activate'>[]
}

export function movesOf(history: readonly HistoryEvent[]): readonly Move[] {
  const prepares = Map.groupBy(eventsOf(history, 'move.prepare'), ({ op }) => op)
  const freezes = Map.groupBy(eventsOf(history, 'move.freeze'), ({ op }) => op)
  const barriers = Map.groupBy(eventsOf(history, 'move.barrier'), ({ op }) => op)
  const commits = Map.groupBy(eventsOf(history, 'move.commit'), ({ op }) => op)
  const aborts = Map.groupBy(eventsOf(history, 'move.abort'), ({ op }) => op)
  const thaws = Map.groupBy(eventsOf(history, 'move.thaw'), ({ op }) => op)
  const activations = Map.groupBy(eventsOf(history, 'move.activate'), ({ op }) => op)
  const ops = new Set(
    [prepares, freezes, barriers, commits, aborts, thaws, activations].flatMap((map) => [...map.keys()]),
  )
  return [...ops].map((op) => ({
    op,
    prepare: prepares.get(op)?.[0],
    freezes: freezes.get(op) ?? [],
    barriers: barriers.get(op) ?? [],
    commits: commits.get(op) ?? [],
    aborts: aborts.get(op) ?? [],
    thaws: thaws.get(op) ?? [],
    activations: activations.get(op) ?? [],
  }))
}

/** A write that a node acknowledged. */
export function writesServed(history: readonly HistoryEvent[]): readonly EventOf<'node.serve'>[] {
  return eventsOf(history, 'node.serve').filter(({ mode }) => mode === 'write-q' || mode === 'write-l')
}
