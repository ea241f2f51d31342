import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { clocksOf, isBefore, stampOf } from './clock-facts.ts'
import { constantsOf } from './run-facts.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I30: clocks stay sane. The stamps that a process issues rise over its restarts; none is beyond the ceiling that
 * was durable then, where ceilings are recorded; what is merged leads the own physical time by at most delta, and what was
 * refused led it by more; every stamp is within its widths. Void unless a process restarted, or heard of another.
 */
export function checkClockSanity(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const { leadMs } = constantsOf(history)
  let [stamps, merged, restarts] = [0, 0, 0]
  const lead = (text: string, ptMs: number): number | undefined => {
    const stamp = stampOf(text)
    if (stamp === undefined) findings.violation(`${text} is no stamp: a field is outside its width`)
    return stamp === undefined ? undefined : stamp.wallMs - ptMs
  }
  for (const [proc, steps] of clocksOf(history)) {
    let before: { readonly stamp: string; readonly pinc: number } | undefined
    let ceilingMs: number | undefined
    for (const step of steps) {
      if (step.kind === 'hlc.ceil') {
        ceilingMs = step.ceilingMs
        continue
      }
      if (step.kind === 'hlc.recv' || step.kind === 'hlc.merge') {
        merged += 1
        const led = lead(step.theirs, step.ptMs)
        if (led !== undefined && led > leadMs)
          findings.violation(`${proc} merged ${step.theirs}, ${led} ms ahead of its clock; at most ${leadMs} may be`)
        continue
      }
      stamps += 1
      const { stamp, pinc } = step
      lead(stamp, step.ptMs)
      if (before !== undefined && before.pinc !== pinc) {
        restarts += 1
        if (!isBefore(before.stamp, stamp))
          findings.violation(`${proc} has ${stamp} after a restart, and had ${before.stamp}`)
      } else if (before !== undefined && !isBefore(before.stamp, stamp)) {
        findings.violation(`${proc} has ${stamp} after ${before.stamp}`)
      }
      before = { stamp, pinc }
      if (ceilingMs !== undefined && (stampOf(stamp)?.wallMs ?? 0) > ceilingMs)
        findings.violation(`${proc} issued ${stamp} beyond its ceiling of ${ceilingMs} ms`)
    }
  }
  const refusals = eventsOf(history, 'hlc.refuse')
  for (const { proc, theirs, ptMs } of refusals) {
    const led = lead(theirs, ptMs)
    if (led !== undefined && led <= leadMs)
      findings.violation(`${proc} refused ${theirs}, ${led} ms ahead of its clock; ${leadMs} are allowed`)
  }
  if (stamps === 0) findings.gap('nothing was stamped')
  else if (merged + restarts + refusals.length === 0) findings.gap('no clock heard of another, and none restarted')
  return findings.verdict(`${stamps} stamps over ${restarts} restarts, ${merged} merged, ${refusals.length} refused`, {
    stamps,
    restarts,
    merged,
    refused: refusals.length,
  })
}
