import { operationId, operationKey } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { rangeSteps } from './range-steps.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { commitsAreWhole, placeOf } from './witnessed.ts'

/**
 * Safety I34: an operation of G has one outcome. Its record is never replaced by another, all ranges that name it were
 * written at one revision, and that is the revision of its record. The range of a planned transfer names the transfer all
 * along, while each step is an operation of its own: it ends once, by commit or abort, and nothing comes after that.
 *
 * NOT seen here: operations of regions, whose commits do not name them, and a second outcome after the first one's
 * record was forgotten, if that was not seen either.
 */
export function checkOperationOutcomes(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const recorded = new Map<string, { readonly value: string; readonly places: Set<string> }>()
  const marker = operationKey(operationId('x')).slice(0, -1)
  const decoding = new Set(
    eventsOf(history, 'witness')
      .filter(({ decodes }) => decodes)
      .map(({ witness }) => witness),
  )
  for (const put of eventsOf(history, 'put')) {
    if (put.tier !== GLOBAL_TIER || !decoding.has(put.witness) || !put.key.startsWith(marker) || put.value === '')
      continue
    const known = recorded.get(put.key)
    if (known === undefined) recorded.set(put.key, { value: put.value, places: new Set([placeOf(put)]) })
    else if (known.value === put.value) known.places.add(placeOf(put))
    else findings.violation(`${put.key} has another outcome at ${placeOf(put)} than at ${[...known.places].join(' ')}`)
  }
  const places = new Set([...recorded.values()].flatMap((record) => [...record.places]))
  const committed = new Map<string, string>()
  const ended = new Map<string, string>()
  for (const { commit, part } of rangeSteps(history)) {
    const { op } = commit
    const place = placeOf(commit)
    if (part === 'whole') {
      const before = committed.get(op) ?? place
      if (before !== place) findings.violation(`operation ${op} wrote ranges at ${before} and again at ${place}`)
      else if (!committed.has(op) && recorded.get(operationKey(operationId(op)))?.places.has(place) !== true)
        findings.violation(`operation ${op} wrote ranges at ${place} and has no outcome there`)
      committed.set(op, before)
      continue
    }
    const end = ended.get(op)
    if (end !== undefined) findings.violation(`transfer ${op} ended at ${end} and goes on at ${place}`)
    else if (!places.has(place))
      findings.violation(`transfer ${op} wrote its range at ${place}, where nothing has an outcome`)
    if (part === 'end') ended.set(op, end ?? place)
  }
  commitsAreWhole(history, (tier) => tier === GLOBAL_TIER, findings)
  if (committed.size + ended.size === 0) findings.gap('no operation was committed')
  return findings.verdict(`${committed.size} operations, each with one outcome at one revision`, {
    operations: committed.size,
    transfers: ended.size,
    records: recorded.size,
  })
}
