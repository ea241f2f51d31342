import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { placeOf } from './witnessed.ts'

/**
 * Safety I34, for what controllers did: a step (op, opSeq) is committed at one revision only, and what it did outside the
 * store had the same result whenever it was done again. Void unless some step was done more than once.
 */
export function checkOperationEffects(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const committed = new Map<string, Set<string>>()
  const results = new Map<string, string>()
  let again = 0
  for (const act of eventsOf(history, 'ctl.act')) {
    if (act.op === '' || act.outcome === 'unknown') continue
    const step = `${act.op} step ${act.opSeq}`
    if (act.effect === 'commit') {
      // A refused commit of what is committed is a repetition that was recognised.
      if (committed.has(step)) again += 1
      if (act.outcome === 'accepted') {
        const place = `${act.tier} ${placeOf(act)}`
        const places = (committed.get(step) ?? new Set()).add(place)
        committed.set(step, places)
        if (places.size > 1) findings.violation(`${step} is committed at ${[...places].join(' and at ')}`)
      }
      continue
    }
    if (act.outcome === 'refused') continue
    const name = `${step}, ${act.effect} of ${act.target}`
    const known = results.get(name)
    if (known !== undefined) again += 1
    if (known !== undefined && known !== act.result)
      findings.violation(`${name} had the result ${JSON.stringify(known)} and then ${JSON.stringify(act.result)}`)
    results.set(name, known ?? act.result)
  }
  if (committed.size + results.size === 0) findings.gap('no controller did anything with a number')
  else if (again === 0) findings.gap('no step was done twice: nothing was tried')
  return findings.verdict(`${committed.size} steps committed and ${results.size} effects, ${again} done again`, {
    steps: committed.size,
    effects: results.size,
    again,
  })
}
