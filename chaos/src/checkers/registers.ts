import type { HistoryEvent } from '../history/event.ts'
import { finalLogsOf } from './final-logs.ts'
import type { FinalLog } from './final-logs.ts'
import { LostBranches } from './lost-branches.ts'
import { isAnswered, operationsOf } from './operations.ts'
import type { Answered } from './operations.ts'
import { checkRealTime } from './real-time.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'
import { checkAgainstVersions, RegisterVersions } from './versions.ts'
import type { Version } from './versions.ts'

/**
 * Safety I18, witness form: the keys of a shard are linearizable registers, in the order that the answers themselves claim
 * by their indexes. Real time is respected, reads and writes alike, and each read returns the latest write up to its
 * index. Where the shard's log was copied whole, it says what was written; else the acknowledgements do, and writes of
 * unknown outcome may have come between. Reads that asked for no more than `stale` are left out, and so are answers of a
 * lost region from where the others went on without it.
 */
export function checkRegisters(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const lost = new LostBranches(history)
  const operations = operationsOf(history)
    .filter(({ tier, mode }) => tier === 'data' && mode !== 'stale')
    .filter((operation) => !isAnswered(operation) || !lost.has(operation))
  const answered = operations.filter(isAnswered)
  const { logs } = finalLogsOf(history)
  for (const [shard, own] of Map.groupBy(answered, (operation) => operation.shard)) {
    checkRealTime(`shard ${shard}`, own, findings)
  }
  const registers = Map.groupBy(operations, ({ key }) => key)
  for (const [key, own] of registers) {
    const known = own.filter(isAnswered)
    const shards = new Set(known.map(({ shard }) => shard))
    // Indexes of two shards have no order, so a key that went from one to another is left to the search.
    if (shards.size !== 1) continue
    const log = logs.get(known[0]?.shard ?? '')
    const whole = log !== undefined && log.first <= 1n && known.every(({ idx }) => idx <= log.committed)
    const versions = new RegisterVersions(whole ? versionsIn(log, key) : written(known), whole, own)
    checkAgainstVersions(key, known, versions, findings)
  }
  const reads = answered.filter(({ f }) => f === 'read').length
  if (reads === 0) findings.gap('no read was answered')
  if (reads === answered.length) findings.gap('no write was acknowledged')
  return findings.verdict(`${answered.length} answers about ${registers.size} keys, in the order of their indexes`, {
    answers: answered.length,
    reads,
    keys: registers.size,
  })
}

const written = (operations: readonly Answered[]): Version[] => operations.filter(({ f }) => f !== 'read')

/** Each request counts where it stands first: later ones were passed over. */
function versionsIn({ items }: FinalLog, key: string): Version[] {
  const seen = new Set<string>()
  return items.filter((item) => {
    if (item.key !== key || item.request === '' || seen.has(item.request)) return false
    seen.add(item.request)
    return true
  })
}
