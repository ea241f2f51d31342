import { operationId, operationKey } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { isAnswered, operationsOf } from './operations.ts'
import { rangeSteps } from './range-steps.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { commitsAreWhole } from './witnessed.ts'

/**
 * Safety I4: no acknowledged write of metadata is lost. Its operation id is committed in its store, at exactly one
 * revision, which is the one that the answer named. A commit shows as a range or shard that names the operation, or as
 * the operation's own record.
 */
export function checkMetadataWrites(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const writes = operationsOf(history)
    .filter(isAnswered)
    .filter(({ tier, f, op }) => tier === 'meta' && f !== 'read' && op !== '')
  const stores = new Set(writes.map(({ shard }) => shard))
  const whole = new Set([...stores].filter((store) => commitsAreWhole(history, (tier) => tier === store, findings)))
  const places = placesOf(history)
  for (const { name, shard: store, op, idx } of writes) {
    const found = places.get(`${store} ${op}`) ?? new Set<string>()
    const [place] = found
    if (found.size > 1) findings.violation(`${name}: operation ${op} is committed at ${[...found].join(' and ')}`)
    else if (place !== undefined && place !== String(idx))
      findings.violation(`${name}: operation ${op}, answered at ${idx}, is committed at ${place}`)
    else if (place === undefined && whole.has(store))
      findings.violation(`${name}: operation ${op}, acknowledged at ${idx}, was never committed in ${store}`)
  }
  if (writes.length === 0) findings.gap('no write of metadata was acknowledged')
  return findings.verdict(`${writes.length} acknowledged writes of metadata, each committed once, where answered`, {
    acknowledged: writes.length,
    operations: places.size,
  })
}

/** Revisions at which operations were committed, by store and operation. */
function placesOf(history: readonly HistoryEvent[]): ReadonlyMap<string, ReadonlySet<string>> {
  const places = new Map<string, Set<string>>()
  const note = (store: string, op: string | undefined, rev: string): void => {
    if (op === undefined || op === '') return
    const name = `${store} ${op}`
    places.set(name, (places.get(name) ?? new Set()).add(rev))
  }
  const begun = new Set<string>()
  for (const { commit, part } of rangeSteps(history)) {
    // The range names its transfer all along; the operation itself is its beginning, every later step is another one.
    if (part === 'whole' || !begun.has(commit.op)) note(GLOBAL_TIER, commit.op, commit.rev)
    if (part === 'step') begun.add(commit.op)
  }
  for (const { region, op, rev } of eventsOf(history, 'e.commit')) note(region, op, rev)
  const marker = operationKey(operationId('x')).slice(0, -1)
  for (const { tier, key, value, rev } of eventsOf(history, 'put')) {
    if (key.startsWith(marker) && value !== '') note(tier, key.slice(marker.length), rev)
  }
  return places
}
