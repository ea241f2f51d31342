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
    let observed: EventOf<'hlc.merge'>[] = []
    const heard = ({ message, theirs }: { readonly message: string; readonly theirs: string }): void => {
      const cause = sent.get(message)
      if (cause !== undefined && cause.stamp !== theirs)
        findings.violation(
          `message ${message} left ${cause.proc} with ${cause.stamp} and reached ${proc} with ${theirs}`,
        )
      if (cause === undefined) findings.gap(`nobody tells that message ${message} was sent`)
      else if (cause.proc !== proc) edges += 1
    }
    for (const step of steps) {
      if (step.kind === 'hlc.ceil') continue
      if (step.kind === 'hlc.merge') {
        heard(step)
        observed.push(step)
        continue
      }
      const { stamp, pinc } = step
      if (before?.pinc === pinc) {
        pairs += 1
        if (!isBefore(before.stamp, stamp)) findings.violation(`${proc} has ${stamp} after ${before.stamp}`)
      }
      before = { stamp, pinc }
      const above = step.kind === 'hlc.recv' ? [step] : []
      // What an earlier life observed, this one need not know.
      for (const { message, theirs } of [...above, ...observed.filter((merged) => merged.pinc === pinc)])
        if (!isBefore(theirs, stamp)) findings.violation(`${proc} has ${stamp} after message ${message} with ${theirs}`)
      observed = []
      if (step.kind === 'hlc.recv') heard(step)
    }
  }
  if (edges === 0) findings.gap('no process heard of another')
  return findings.verdict(`${pairs} pairs of neighbours and ${edges} messages, each effect above its cause`, {
    pairs,
    edges,
  })
}
