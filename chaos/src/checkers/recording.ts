import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { SequenceCheck } from '../history/sequence-check.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Whether the history may be judged at all. No number is missing in any life of any process; and a life that said when it
 * began said when it ended, or was killed by a fault that is in the history too, so that its tail is known to be lost.
 */
export function checkRecording(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const numbers = new SequenceCheck()
  const told = new Set<string>()
  for (const event of history) {
    const complaint = numbers.next(event)
    const life = `${event.proc} ${event.pinc}`
    if (complaint === undefined || told.has(life)) continue
    told.add(life)
    findings.gap(complaint)
  }
  const ended = new Set(eventsOf(history, 'proc.end').map(({ proc, pinc }) => `${proc} ${pinc}`))
  const kills = eventsOf(history, 'fault.on').filter(({ fault }) => fault === 'kill')
  const lives = eventsOf(history, 'proc.start')
  for (const { proc, pinc, t } of lives) {
    const killed = kills.some((kill) => kill.t >= t && kill.target.slice(kill.target.indexOf(':') + 1) === proc)
    if (!ended.has(`${proc} ${pinc}`) && !killed)
      findings.gap(`life ${pinc} of ${proc} has no end, and nobody killed it`)
  }
  if (history.length === 0) findings.gap('nothing was recorded')
  return findings.verdict(`${history.length} events without a gap`, { events: history.length, lives: lives.length })
}
