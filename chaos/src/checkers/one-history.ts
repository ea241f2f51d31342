import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { placeOf, witnessesOf } from './witnessed.ts'

/**
 * Safety I5, without restores: all logs of a tier that mention a key at a revision have the same value there, and
 * witnesses that saw the same revisions saw the same keys change. The logs are the witnesses' watches, at different
 * members of the store, and the dumps. Void without two witnesses of G that saw their end.
 */
export function checkOneHistory(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const witnesses = witnessesOf(history)
  const logs = new Map(witnesses.map(({ witness }) => [witness, new Map<string, EventOf<'put'>>()]))
  const incarnations = new Map<string, bigint>()
  for (const put of eventsOf(history, 'put')) {
    const log = logs.get(put.witness)
    const name = nameOf(put)
    if (log?.has(name) === true) findings.violation(`${put.witness} saw ${put.key} change twice at ${placeOf(put)}`)
    log?.set(name, put)
    const inc = BigInt(put.inc)
    if (inc < (incarnations.get(put.witness) ?? 0n)) findings.violation(`${put.witness}: ${placeOf(put)} falls back`)
    incarnations.set(put.witness, inc)
  }
  const rows = eventsOf(history, 'store-row')
  let compared = 0
  for (const { witness, tier, seenTo } of witnesses) {
    const log = logs.get(witness)
    if (seenTo === undefined || log === undefined) continue
    const others = witnesses.filter((each) => each.tier === tier && each.witness !== witness)
    for (const other of others) {
      for (const put of logs.get(other.witness)?.values() ?? []) {
        if (BigInt(put.rev) > seenTo) continue
        const mine = log.get(nameOf(put))
        // Told once for each pair; what only one of them saw shows from one side alone.
        if (mine !== undefined && witness > other.witness) continue
        compared += 1
        if (mine?.value !== put.value)
          findings.violation(`${put.key} at ${placeOf(put)}: ${put.witness} saw ${told(put)}, ${witness} ${told(mine)}`)
      }
    }
    const values = new Map([...log.values()].map((put) => [`${put.rev} ${put.key}`, put]))
    for (const row of rows.filter((each) => each.tier === tier && BigInt(each.rev) <= seenTo)) {
      compared += 1
      const mine = values.get(`${row.rev} ${row.key}`)
      if (mine?.value !== row.value)
        findings.violation(
          `${row.key} of revision ${row.rev}: dumped for ${row.witness} ${row.value}, ${witness} saw ${told(mine)}`,
        )
    }
  }
  const complete = witnesses.filter(({ tier, seenTo }) => tier === GLOBAL_TIER && seenTo !== undefined)
  if (complete.length < 2) findings.gap(`${complete.length} witnesses of G saw its end, and two are needed`)
  if (compared === 0) findings.gap('no key was in two logs')
  return findings.verdict(`${compared} values in two logs of the same tier, all equal`, {
    compared,
    logs: witnesses.length,
  })
}

const nameOf = ({ inc, rev, key }: EventOf<'put'>): string => `${inc} ${rev} ${key}`

const told = (put: EventOf<'put'> | undefined): string =>
  put === undefined ? 'nothing' : put.value === '' ? 'a deletion' : put.value
