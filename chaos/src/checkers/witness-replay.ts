import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { witnessesOf } from './witnessed.ts'

/**
 * Whether the witnesses can be believed: what each saw change, replayed up to the revision of its final dump, must be
 * that dump, key by key; and every record must have been readable. All claims about commits rest on this one.
 */
export function checkWitnessReplay(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const witnesses = witnessesOf(history)
  if (witnesses.length === 0) findings.gap('nobody watched the stores')
  for (const { witness, rev, key, why } of eventsOf(history, 'undecoded')) {
    findings.violation(`${witness}: ${key} of revision ${rev} cannot be read: ${why}`)
  }
  let [changes, keys] = [0, 0]
  for (const { witness, seenTo, lost } of witnesses) {
    if (seenTo === undefined) {
      findings.gap(`witness ${witness} did not see all: ${lost ?? 'it has no end'}`)
      continue
    }
    const state = new Map<string, string>()
    for (const put of eventsOf(history, 'put')) {
      if (put.witness !== witness || BigInt(put.rev) > seenTo) continue
      changes += 1
      if (put.value === '') state.delete(put.key)
      else state.set(put.key, `${put.value} of revision ${put.rev}`)
    }
    const rows = eventsOf(history, 'store-row').filter((row) => row.witness === witness)
    const due = eventsOf(history, 'witness').find((each) => each.witness === witness && each.phase === 'ended')?.rows
    if (rows.length !== due) findings.gap(`the dump of ${witness} has ${rows.length} of ${due ?? 0} rows`)
    for (const row of rows) {
      keys += 1
      const dumped = `${row.value} of revision ${row.rev}`
      const replayed = state.get(row.key)
      if (replayed !== dumped)
        findings.violation(`${witness}: ${row.key} is ${dumped}, and the watch told ${replayed ?? 'nothing'}`)
      state.delete(row.key)
    }
    if (rows.length !== due) continue
    for (const key of state.keys()) findings.violation(`${witness}: the watch told of ${key}, which is not there`)
  }
  if (witnesses.length > 0 && changes === 0) findings.gap('no witness saw a change')
  return findings.verdict(
    `${changes} changes seen by ${witnesses.length} witnesses lead to the ${keys} keys there are`,
    {
      witnesses: witnesses.length,
      changes,
      keys,
    },
  )
}
