import { eventsOf } from '../../history/event.ts'
import type { HistoryEvent } from '../../history/event.ts'
import { GLOBAL_TIER } from '../../history/store-event.ts'
import { isAnswered, operationsOf } from '../operations.ts'
import { NS_PER_MS } from '../run-facts.ts'
import type { FaultInterval } from '../run-facts.ts'
import { Findings } from '../verdict.ts'
import type { Verdict } from '../verdict.ts'
import { BOUNDS } from './bounds.ts'
import type { Bounds } from './bounds.ts'
import { Calm, msBetween } from './calm.ts'

interface Attempt {
  readonly tier: string
  /** Of a controller; else empty. */
  readonly role: string
  readonly elect: bigint
  readonly from: number
  /** Infinity: in vain. */
  readonly done: number
}

/**
 * Liveness J1: after the leader of a role, or of a store, is struck (`role:<tier>/<role>`, `store:<tier>`), somebody acts
 * again in time: a controller with a later election, a store with any commit that was asked for. Attempts are what
 * controllers did and what clients asked of metadata; where nobody tried in time, nothing is known.
 */
export function checkActingAgain(history: readonly HistoryEvent[], bounds: Bounds = BOUNDS): Verdict {
  const findings = new Findings()
  const calm = new Calm(history)
  const attempts = attemptsIn(history)
  let [struck, slowestMs] = [0, 0]
  for (const fault of calm.faults) {
    const target = targetOf(fault)
    if (target === undefined) continue
    struck += 1
    const boundMs = target.tier === GLOBAL_TIER ? bounds.actingGlobalMs : bounds.actingRegionMs
    // Without a quorum nobody can act before it is over.
    const start = calm.from(fault.from, boundMs, fault.params['quorum'] === 'lost' ? undefined : fault.id)
    if (start === undefined) {
      findings.gap(`${fault.target}: other faults never ended`)
      continue
    }
    const own = attempts.filter(
      ({ tier, role }) => tier === target.tier && (target.role === '' || role === target.role),
    )
    const before = own
      .filter(({ done }) => done <= fault.from)
      .reduce((highest, { elect }) => (elect > highest ? elect : highest), 0n)
    const after = own.filter(({ elect, done }) => done > fault.from && (target.role === '' || elect > before))
    const first = Math.min(...after.map(({ done }) => done))
    const due = start + boundMs * NS_PER_MS
    const tried = own.some(({ from, done }) => from <= due && done > due && from >= fault.from)
    if (first <= due) slowestMs = Math.max(slowestMs, msBetween(start, first))
    else if (!tried || calm.endOfRun < due) findings.gap(`${fault.target}: nobody had anything to do in time`)
    else findings.violation(`${fault.target} was struck at ${fault.from}, and nobody acted within ${boundMs} ms`)
  }
  if (struck === 0) findings.gap('no leader was struck')
  return findings.verdict(`${struck} leaders struck, somebody acted again within ${(slowestMs / 1000).toFixed(1)} s`, {
    struck,
    slowestMs: Math.round(slowestMs),
  })
}

function targetOf({ target, fault }: FaultInterval): { readonly tier: string; readonly role: string } | undefined {
  if (fault !== 'kill' && fault !== 'pause' && fault !== 'cut') return undefined
  const [kind, name = ''] = target.split(':')
  const [tier = '', role = ''] = name.split('/')
  return kind === 'role' || kind === 'store' ? { tier, role } : undefined
}

function attemptsIn(history: readonly HistoryEvent[]): readonly Attempt[] {
  const acts = eventsOf(history, 'ctl.act').map(({ tier, role, elect, outcome, t }) => ({
    tier,
    role,
    elect: BigInt(elect),
    from: t,
    done: outcome === 'accepted' ? t : Infinity,
  }))
  const asked = operationsOf(history)
    .filter(({ tier, f, status }) => tier === 'meta' && f !== 'read' && status !== 'failed')
    .map((operation) => ({
      tier: operation.shard,
      role: '',
      elect: 0n,
      from: operation.calledAt,
      done: isAnswered(operation) ? operation.returnedAt : Infinity,
    }))
  return [...acts, ...asked]
}
