import type { EventKind, HistoryEvent } from '../history/event.ts'
import { missingFor, verdictOf } from './checker.ts'
import type { Checker, Judged } from './checker.ts'
import { CLOCK_AND_MOVE_CHECKERS } from './clock-and-move-checkers.ts'
import { livenessCheckers } from './liveness/liveness-checkers.ts'
import { checkRecording } from './recording.ts'
import { SHARD_CHECKERS } from './shard-checkers.ts'
import { STORE_CHECKERS } from './store-checkers.ts'

/** Every checker of an invariant, for a simulation, a drill or a demo to call with its history. */
export const ALL_CHECKERS: readonly Checker[] = [
  ...STORE_CHECKERS,
  ...SHARD_CHECKERS,
  ...CLOCK_AND_MOVE_CHECKERS,
  ...livenessCheckers(),
]

/** @throws Error if there is none: names are written in code */
export function checkerNamed(name: string): Checker {
  const found = ALL_CHECKERS.find((checker) => checker.name === name)
  if (found === undefined) throw new Error(`assertion: no checker ${name}`)
  return found
}

/**
 * Judges one history by all `checkers`. If the recording itself is not whole, nothing can be said about anything; and a
 * claim none of whose events were recorded is open, never held.
 */
export function judgeAll(
  history: readonly HistoryEvent[],
  checkers: readonly Checker[] = ALL_CHECKERS,
): readonly Judged[] {
  const recording = checkRecording(history)
  const recorded = new Set<EventKind>(history.map(({ kind }) => kind))
  return checkers.map((checker) => {
    const { invariant, name, says } = checker
    const missing = missingFor(checker, recorded)
    const why =
      recording.verdict !== 'valid'
        ? `the recording is void: ${recording.why}`
        : missing === undefined
          ? undefined
          : `nothing recorded of ${missing}`
    const verdict = why === undefined ? verdictOf(checker, history) : { verdict: 'unknown' as const, why, counts: {} }
    return { invariant, name, says, ...verdict }
  })
}
