import { eventsOf } from '../history/event.ts'
import type { HistoryEvent, ProbeEvent } from '../history/event.ts'
import { FinalState, nameOf } from './final-state.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

const OPERATIONS: readonly ProbeEvent['operation'][] = ['write', 'read-quorum', 'read-lease']

/**
 * A deposed leader refuses: no request under its old token is answered, in any mode, and none of the writes tried is in
 * the final state. A probe without a definite answer is no refusal, so it leaves the claim open.
 */
export function checkStaleRefused(history: readonly HistoryEvent[], keyspace: string): Verdict {
  const state = new FinalState(history)
  const findings = new Findings()
  const probes = eventsOf(history, 'probe')
  const counts: Record<string, number> = { probes: probes.length }
  for (const operation of OPERATIONS) {
    const refused = probes.filter((probe) => probe.operation === operation && probe.outcome === 'refused')
    counts[operation] = refused.length
    if (refused.length === 0) findings.gap(`no ${operation} was tried and refused`)
  }
  if (!state.complete(keyspace)) findings.gap(`keyspace ${keyspace} was not read to its end`)
  for (const probe of probes) {
    const what = `${probe.operation} of shard ${probe.shard} under ${probe.token} at ${probe.node}`
    if (probe.outcome === 'answered') findings.violation(`${what} was answered`)
    else if (probe.outcome === 'unknown') findings.gap(`${what} had no definite answer (${probe.code})`)
    if (probe.operation !== 'write') continue
    const place = { keyspace, key: probe.key }
    if (state.row(place)?.value === probe.value) findings.violation(`${nameOf(place)}, refused as stale, is there`)
  }
  return findings.verdict(`${probes.length} requests under old tokens were refused and left nothing`, counts)
}
