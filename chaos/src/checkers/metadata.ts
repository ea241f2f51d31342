import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { isAnswered, operationsOf } from './operations.ts'
import type { Answered } from './operations.ts'
import { checkRealTime } from './real-time.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { checkAgainstVersions, RegisterVersions } from './versions.ts'
import type { Version } from './versions.ts'
import { commitsAreWhole, witnessesOf } from './witnessed.ts'

/**
 * Safety I3, witness form: each record of the control plane is a linearizable register that can be compared and set, in the
 * order of the revisions that the answers name. Revisions respect real time, over all records of a store, each names one
 * value of a record, each read returns the record as of its revision, and each replacement found what it expected. What
 * the store's witness saw says what was written; without one that saw all the claim is open.
 */
export function checkMetadata(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const operations = operationsOf(history).filter(({ tier }) => tier === 'meta')
  const answered = operations.filter(isAnswered)
  for (const [store, own] of Map.groupBy(answered, ({ shard }) => shard)) {
    checkRealTime(`store ${store}`, own, findings)
    commitsAreWhole(history, (tier) => tier === store, findings)
  }
  const decoding = new Set(witnessesOf(history).flatMap(({ witness, decodes }) => (decodes ? [witness] : [])))
  const puts = Map.groupBy(
    eventsOf(history, 'put').filter(({ witness }) => decoding.has(witness)),
    ({ tier, key }) => `${tier} ${key}`,
  )
  const records = Map.groupBy(operations, ({ shard, key }) => `${shard} ${key}`)
  for (const [record, own] of records) {
    const known = own.filter(isAnswered)
    const seen: Version[] = (puts.get(record) ?? []).map(({ rev, value }) => ({ idx: BigInt(rev), value }))
    const versions = new RegisterVersions([...seen, ...written(known)], seen.length > 0, own)
    checkAgainstVersions(record, known, versions, findings)
    for (const write of written(known)) {
      if (seen.length > 0 && !seen.some(({ idx, value }) => idx === write.idx && value === write.value))
        findings.violation(`${write.name} wrote ${record} at ${write.idx}, and the witness saw no such thing`)
    }
  }
  if (answered.every(({ f }) => f === 'read')) findings.gap('no write was acknowledged')
  if (answered.every(({ f }) => f !== 'read')) findings.gap('no read was answered')
  return findings.verdict(`${answered.length} answers about ${records.size} records, in the order of their revisions`, {
    answers: answered.length,
    records: records.size,
  })
}

const written = (operations: readonly Answered[]): readonly Answered[] => operations.filter(({ f }) => f !== 'read')
