import type { HistoryEvent } from '../history/event.ts'
import type { RequestTier } from '../history/request-event.ts'
import { judgeRegister, SEARCH_LIMITS } from './linearizability/judge-register.ts'
import type { SearchLimits } from './linearizability/judge-register.ts'
import type { RegisterAction, RegisterOperation } from './linearizability/register-operation.ts'
import { LostBranches } from './lost-branches.ts'
import { isAnswered, operationsOf, settledAt } from './operations.ts'
import type { Operation } from './operations.ts'
import { Findings } from './verdict.ts'
import type { Verdict } from './verdict.ts'

/**
 * Safety I18 (`data`) and I3 (`meta`), black-box form: what clients sent and were answered, and nothing that the system
 * claims about order, is explained by registers that do one thing at a time. Guards against indexes and revisions that
 * lie. Registers beyond the limits, and such as the search does not finish, leave the claim open.
 */
export function checkLinearizable(
  history: readonly HistoryEvent[],
  tier: RequestTier,
  limits: SearchLimits = SEARCH_LIMITS,
): Verdict {
  const findings = new Findings()
  const registers = registersOf(history, tier)
  let [operations, unknown, steps, telling] = [0, 0, 0, 0]
  for (const [name, own] of registers) {
    const judgement = judgeRegister(own, '', limits)
    operations += own.length
    unknown += own.filter(({ returnedAt }) => returnedAt === Infinity).length
    steps += judgement.steps
    if (own.some(({ action }) => action.f === 'read') && own.some(({ action }) => action.f !== 'read')) telling += 1
    if (judgement.verdict === 'not-linearizable') findings.violation(`${name}: ${judgement.why}`)
    if (judgement.verdict === 'unknown') findings.gap(`${name}: ${judgement.why}`)
  }
  if (telling === 0) findings.gap('no register was both read and written')
  return findings.verdict(`${operations} operations on ${registers.size} registers, all explained by some order`, {
    operations,
    registers: registers.size,
    unknown,
    steps,
  })
}

/**
 * The operations that a search has to explain, register by register: failed ones had no effect, unanswered reads tell
 * nothing, and reads that asked for no more than `stale` promise nothing. What a lost region answered and the others went
 * on without is left out: here alone the search goes by what answers say of their place.
 */
export function registersOf(
  history: readonly HistoryEvent[],
  tier: RequestTier,
): ReadonlyMap<string, readonly RegisterOperation[]> {
  const lost = new LostBranches(history)
  const left = operationsOf(history).filter((operation) => !isAnswered(operation) || !lost.has(operation))
  const relevant = left.filter(
    ({ tier: own, status, f, mode }) =>
      own === tier && status !== 'failed' && (status === 'ok' || f !== 'read') && mode !== 'stale',
  )
  const named = Map.groupBy(relevant, ({ shard, key }) => (tier === 'meta' ? `${shard} ${key}` : key))
  return new Map([...named].map(([name, operations]) => [name, operations.map(ofOperation)]))
}

function ofOperation(operation: Operation): RegisterOperation {
  const { name, client, f, value, expected, calledAt } = operation
  const action: RegisterAction = f === 'cas' ? { f, expected, value } : { f, value }
  return { name, client, calledAt, returnedAt: settledAt(operation), action }
}
