import { compareTokens } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import { eventsOf } from '../history/event.ts'
import type { HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { isAnswered, operationsOf } from './operations.ts'
import { frozen } from './run-facts.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

interface Acknowledged {
  readonly t: number
  readonly token: Token
  readonly text: string
}

/**
 * Safety I9: when a lease read is checked under a token, or a client's lease or quorum read begins that is answered under
 * it, no write of the shard has been acknowledged under a higher token. A write counts from when its node answered it, as
 * told by the node, or from when its client knew.
 *
 * Lease reads of a node whose clock stood still are counted, not judged: nothing else than clocks protects them. Quorum
 * reads have no excuse. Void unless some shard had such a read, and writes under two tokens.
 */
export function checkLeaseReads(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const firsts = firstWrites(history)
  const excused = frozen(history)
  let [checks, reads, stale, tried] = [0, 0, 0, 0]
  const beaten = (shard: string, token: Token, t: number): Acknowledged | undefined => {
    const higher = firsts.get(shard)?.filter((write) => compareTokens(write.token, token) > 0) ?? []
    if (higher.length > 0) tried += 1
    return higher.find((write) => write.t < t)
  }
  for (const check of eventsOf(history, 'node.check')) {
    if (check.mode !== 'read-lease') continue
    checks += 1
    const { node, shard, token, t } = check
    const write = beaten(shard, parseToken(token), t)
    if (write === undefined) continue
    if (excused(node, t)) stale += 1
    else
      findings.violation(
        `${node} let a lease read of shard ${shard} pass under ${token} at ${t}; ${write.text} had been acknowledged at ${write.t}`,
      )
  }
  const someFrozen = eventsOf(history, 'fault.on').some(({ fault }) => fault === 'clock-freeze')
  for (const read of operationsOf(history).filter(isAnswered)) {
    if (read.tier !== 'data' || read.f !== 'read' || read.mode === 'stale') continue
    reads += 1
    const write = beaten(read.shard, parseToken(read.token), read.calledAt)
    if (write === undefined) continue
    // The client does not say which node answered, so one frozen clock anywhere excuses it.
    if (read.mode === 'lease' && someFrozen) stale += 1
    else
      findings.violation(
        `${read.name}, a ${read.mode} read of shard ${read.shard} under ${read.token}, began at ${read.calledAt}; ${write.text} had been acknowledged at ${write.t}`,
      )
  }
  if (checks + reads === 0) findings.gap('nothing was read')
  else if (tried === 0) findings.gap('no shard that was read had a write under a higher token: nothing was tried')
  return findings.verdict(`${checks} lease checks and ${reads} reads, none after a write under a higher token`, {
    checks,
    reads,
    tried,
    staleByFrozenClocks: stale,
  })
}

/** The first write acknowledged under each token, by shard. */
function firstWrites(history: readonly HistoryEvent[]): ReadonlyMap<string, readonly Acknowledged[]> {
  const firsts = new Map<string, Map<string, Acknowledged>>()
  const note = (shard: string, text: string, t: number, token: string): void => {
    const own = firsts.get(shard) ?? new Map<string, Acknowledged>()
    firsts.set(shard, own)
    const known = own.get(token)
    if (known === undefined || t < known.t)
      own.set(token, { t, token: parseToken(token), text: `${text} under ${token}` })
  }
  for (const { shard, mode, idx, own, t } of eventsOf(history, 'node.serve')) {
    if (mode === 'write-q' || mode === 'write-l') note(shard, `index ${idx}`, t, own)
  }
  for (const write of operationsOf(history).filter(isAnswered)) {
    if (write.tier === 'data' && write.f !== 'read') note(write.shard, write.name, write.returnedAt, write.token)
  }
  return new Map([...firsts].map(([shard, own]) => [shard, [...own.values()]]))
}
