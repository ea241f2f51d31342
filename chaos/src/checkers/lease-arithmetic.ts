import { eventsOf } from '../history/event.ts'
import type { EventOf, HistoryEvent } from '../history/event.ts'
import { parseToken } from '../history/token-text.ts'
import { constantsOf } from './run-facts.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/** What adding and taking apart milliseconds as doubles may be wrong by. */
const ROUNDING_MS = 0.001

/**
 * Safety I11: the arithmetic of leases is kept. A check that passes was made before its deadline less the guard, and the
 * deadline is not after (sent + granted) of a renewal that had been acknowledged to that very life of the node: for the
 * region's lease, one that confirmed this range under this generation. Sent is as the renewal said when it left, not as its
 * answer says. No answer grants more than L, and what G acknowledged to an agent a witness of G saw committed.
 */
export function checkLeaseArithmetic(history: readonly HistoryEvent[]): Verdict {
  const findings = new Findings()
  const constants = constantsOf(history)
  const checks = eventsOf(history, 'node.check')
  const renewals = checkRenewals(history, findings)
  const grants = new Grants(history)
  for (const check of checks) {
    const { node, shard, localMs, deadlineMs, guardMs, mode, lease } = check
    const what = `${node} passed a ${mode} of shard ${shard} at its ${localMs} ms`
    if (localMs >= deadlineMs - guardMs) findings.violation(`${what}, with ${guardMs} ms of guard before ${deadlineMs}`)
    if (mode === 'read-lease' && guardMs < constants.guardMs)
      findings.violation(`${what}, with a guard of ${guardMs} ms instead of ${constants.guardMs}`)
    const until = grants.until(check)
    if (until === undefined) findings.violation(`${what}, and no ${lease} lease had been acknowledged to it`)
    else if (deadlineMs > until + ROUNDING_MS)
      findings.violation(
        `${what}, by a deadline of ${deadlineMs} ms; the ${lease} lease acknowledged to it ended at ${until}`,
      )
  }
  if (checks.length === 0) findings.gap('no lease was checked')
  return findings.verdict(`${checks.length} checks, each within a lease that had been acknowledged`, {
    checks: checks.length,
    renewals,
  })
}

type Check = EventOf<'node.check'>

interface Grant {
  readonly t: number
  readonly untilMs: number
}

/** What had been granted to each life of each node, by the words of its own renewals. */
class Grants {
  readonly #grants = new Map<string, Grant[]>()

  constructor(history: readonly HistoryEvent[]) {
    const { nodeLeaseMs, regionLeaseMs } = constantsOf(history)
    const sent = sentTimes(history)
    for (const { node, nodeEpoch, counter, sentLocalMs, leaseMs, t } of eventsOf(history, 'nl.ack')) {
      const from = Math.min(sentLocalMs, sent.get(`nl ${node} ${nodeEpoch} ${counter}`) ?? sentLocalMs)
      this.#note(`node ${node} ${nodeEpoch}`, { t, untilMs: from + Math.min(leaseMs, nodeLeaseMs) })
    }
    for (const { node, pinc, sentLocalMs, remainingMs, ranges, t } of eventsOf(history, 'rl.confirm')) {
      const untilMs = sentLocalMs + Math.min(remainingMs, regionLeaseMs)
      for (const { range, gen } of ranges) this.#note(`region ${node} ${pinc} ${range} ${gen}`, { t, untilMs })
    }
  }

  /** The latest that the lease of a check may end at, on the node's clock; undefined: it never had one. */
  until({ node, nodeEpoch, pinc, lease, range, token, t }: Check): number | undefined {
    const gen = parseToken(token).generation
    const name = lease === 'node' ? `node ${node} ${nodeEpoch}` : `region ${node} ${pinc} ${range} ${gen}`
    const earlier = (this.#grants.get(name) ?? []).filter((grant) => grant.t <= t)
    return earlier.length === 0 ? undefined : Math.max(...earlier.map(({ untilMs }) => untilMs))
  }

  #note(name: string, grant: Grant): void {
    const known = this.#grants.get(name)
    if (known === undefined) this.#grants.set(name, [grant])
    else known.push(grant)
  }
}

/** When each renewal left, on its sender's clock; the earliest, if one was sent again. */
function sentTimes(history: readonly HistoryEvent[]): ReadonlyMap<string, number> {
  const sent = new Map<string, number>()
  const note = (name: string, ms: number): void => {
    sent.set(name, Math.min(ms, sent.get(name) ?? ms))
  }
  for (const { node, nodeEpoch, counter, sentLocalMs } of eventsOf(history, 'nl.renew')) {
    note(`nl ${node} ${nodeEpoch} ${counter}`, sentLocalMs)
  }
  for (const { proc, pinc, region, term, counter, sentLocalMs } of eventsOf(history, 'rl.renew')) {
    note(`rl ${proc} ${pinc} ${region} ${term} ${counter}`, sentLocalMs)
  }
  return sent
}

/** Answers to renewals, each by itself. Returns how many there were. */
function checkRenewals(history: readonly HistoryEvent[], findings: Findings): number {
  const { nodeLeaseMs, regionLeaseMs } = constantsOf(history)
  const sent = sentTimes(history)
  const commits = eventsOf(history, 'rl.commit')
  const committed = new Set(commits.map(({ region, term, counter, rev }) => `${region} ${term} ${counter} ${rev}`))
  const regional = eventsOf(history, 'rl.ack')
  for (const { proc, pinc, region, term, counter, rev, leaseMs, sentLocalMs } of regional) {
    const what = `renewal ${counter} of ${region} in term ${term}`
    if (leaseMs > regionLeaseMs) findings.violation(`${what} grants ${leaseMs} ms, at most ${regionLeaseMs} may be`)
    const left = sent.get(`rl ${proc} ${pinc} ${region} ${term} ${counter}`)
    if (left !== undefined && sentLocalMs > left)
      findings.violation(`${what} counts from ${sentLocalMs} ms, and was sent at ${left}`)
    if (commits.length > 0 && !committed.has(`${region} ${term} ${counter} ${rev}`))
      findings.violation(`${what} was acknowledged at revision ${rev} and never committed`)
  }
  const ofNodes = eventsOf(history, 'nl.ack')
  for (const { node, nodeEpoch, counter, leaseMs, sentLocalMs } of ofNodes) {
    const what = `renewal ${counter} of ${node} in life ${nodeEpoch}`
    if (leaseMs > nodeLeaseMs) findings.violation(`${what} grants ${leaseMs} ms, at most ${nodeLeaseMs} may be`)
    const left = sent.get(`nl ${node} ${nodeEpoch} ${counter}`)
    if (left !== undefined && sentLocalMs > left)
      findings.violation(`${what} counts from ${sentLocalMs} ms, and was sent at ${left}`)
  }
  return regional.length + ofNodes.length
}
