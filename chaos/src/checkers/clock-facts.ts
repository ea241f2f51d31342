import { compareTimestamps, parseTimestamp } from '@meridian/hlc'
import type { Timestamp } from '@meridian/hlc'
import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'

const STEPS = ['hlc.stamp', 'hlc.recv', 'hlc.merge', 'hlc.ceil'] as const
export type ClockStep = EventOf<(typeof STEPS)[number]>

/** What each process's clock did, in the process's own order, over all its lives. */
export function clocksOf(history: readonly HistoryEvent[]): ReadonlyMap<string, readonly ClockStep[]> {
  const steps = STEPS.flatMap<ClockStep>((kind) => eventsOf(history, kind))
  return Map.groupBy(
    steps.toSorted((a, b) => a.pinc - b.pinc || a.seq - b.seq),
    ({ proc }) => proc,
  )
}

/** Undefined for a text that is no stamp, as when a counter has outgrown its width. */
export function stampOf(text: string): Timestamp | undefined {
  try {
    return parseTimestamp(text)
  } catch {
    return undefined
  }
}

/** Whether `a` is surely earlier; false also when one of them is no stamp. */
export function isBefore(a: string, b: string): boolean {
  const [x, y] = [stampOf(a), stampOf(b)]
  return x !== undefined && y !== undefined && compareTimestamps(x, y) < 0
}
