import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { clocksOf, isBefore } from './clock-facts.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I29: cause comes before effect. Within one life of a process each stamp is above the one before, and after a
 * message was merged the clock is above the stamp that the message left with, as its sender tells it; after a commit was
 * observed, whatever is stamped next. A message that brings another stamp than it left with breaks the claim too. Void
 * without a message from one process to another.
 */
export function checkCausality(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const sent = new Map(
    eventsOf(history, 'hlc.stamp').flatMap((event) => (event.message === '' ? [] : [[event.message, event] as const])),
  )
  let [pairs, edges] = [0, 0]
  for (const [proc, steps] of clocksOf(history)) {
    let before: { readonly stamp: string; readonly pinc: number } | undefined
    /** Merged since the last stamp. */
    let merged: (EventOf<'hlc.recv'> | EventOf<'hlc.merge'>)[] = []
    for (const step of steps) {
      if (step.kind === 'hlc.ceil') continue
      if (step.kind !== 'hlc.stamp') {
        merged.push(step)
        const { message, theirs } = step
        const cause = sent.get(message)
        if (cause !== undefined && cause.stamp !== theirs)
          findings.violation(
            `message ${message} left ${cause.proc} with ${cause.stamp} and reached ${proc} with ${theirs}`,
          )
        if (cause === undefined) findings.gap(`nobody tells that message ${message} was sent`)
        else if (cause.proc !== proc) edges += 1
      }
      // Stamps nothing by itself.
      if (step.kind === 'hlc.merge') continue
      const { stamp, pinc } = step
      if (before?.pinc === pinc) {
        pairs += 1
        if (!isBefore(before.stamp, stamp)) findings.violation(`${proc} has ${stamp} after ${before.stamp}`)
      }
      before = { stamp, pinc }
      // What an earlier life merged, this one need not know.
      for (const { message, theirs } of merged.filter((each) => each.pinc === pinc))
        if (!isBefore(theirs, stamp)) findings.violation(`${proc} has ${stamp} after message ${message} with ${theirs}`)
      merged = []
    }
  }
  if (edges === 0) findings.gap('no process heard of another')
  return findings.verdict(`${pairs} pairs of neighbours and ${edges} messages, each effect above its cause`, {
    pairs,
    edges,
  })
}
