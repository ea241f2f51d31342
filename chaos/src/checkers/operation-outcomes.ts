import { operationId, operationKey } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { commitsAreWhole, placeOf } from './witnessed.ts'

/**
 * Safety I34: an operation of G has one outcome. Its record is never replaced by another, all ranges that name it were
 * written at one revision, and that is the revision of its record.
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
  const committed = new Map<string, string>()
  for (const commit of eventsOf(history, 'g.commit')) {
    if (commit.status === 'gone') continue
    const place = placeOf(commit)
    const before = committed.get(commit.op) ?? place
    if (before !== place) findings.violation(`operation ${commit.op} wrote ranges at ${before} and again at ${place}`)
    else if (
      !committed.has(commit.op) &&
      recorded.get(operationKey(operationId(commit.op)))?.places.has(place) !== true
    )
      findings.violation(`operation ${commit.op} wrote ranges at ${place} and has no outcome there`)
    committed.set(commit.op, before)
  }
  commitsAreWhole(history, (tier) => tier === GLOBAL_TIER, findings)
  if (committed.size === 0) findings.gap('no operation was committed')
  return findings.verdict(`${committed.size} operations, each with one outcome at one revision`, {
    operations: committed.size,
    records: recorded.size,
  })
}
