import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/** The database counts in each country what the input has there. */
export function checkCounts(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const counts = eventsOf(history, 'count')
  if (counts.length === 0) findings.gap('nothing was counted')
  for (const { country, expected, counted } of counts) {
    if (expected !== counted) findings.violation(`${country} has ${expected} places and ${counted} were counted`)
  }
  const places = counts.reduce((sum, { counted }) => sum + counted, 0)
  return findings.verdict(`${counts.length} countries, ${places} places`, { countries: counts.length, places })
}

/** What is read is what was written. */
export function checkSample(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const samples = eventsOf(history, 'sample')
  if (samples.length === 0) findings.gap('nothing was read back')
  for (const { key, expected, found } of samples) {
    if (found === '') findings.violation(`${key} is not there`)
    else if (found !== expected) findings.violation(`${key} holds ${found} instead of ${expected}`)
  }
  return findings.verdict(`${samples.length} places read back as written`, { samples: samples.length })
}
