import type { RegisterOperation } from './register-operation.ts'
import { searchLinearization } from './search.ts'

export interface SearchLimits {
  /** Operations of one register, after which its workload goes on at a fresh one. */
  readonly operationsMax: number
  readonly clientsMax: number
  /** Moments looked at for one register, over all searches made for it. */
  readonly stepsMax: number
}

/** Within these a planted stale read was always found; twice the clients or ten times the operations never end. */
export const SEARCH_LIMITS: SearchLimits = { operationsMax: 200, clientsMax: 8, stepsMax: 3_000_000 }

export type RegisterJudgement =
  | { readonly verdict: 'linearizable'; readonly steps: number }
  | { readonly verdict: 'not-linearizable'; readonly steps: number; readonly why: string }
  | { readonly verdict: 'unknown'; readonly steps: number; readonly why: string }

/**
 * Searches for an order of the operations of one register that explains all its answers. If there is none, the shortest
 * beginning of the history that has none is told: the answer it ends with is the first that nothing explains.
 *
 * @param initial what the register holds before the first operation; empty: nothing
 */
export function judgeRegister(
  operations: readonly RegisterOperation[],
  initial = '',
  limits: SearchLimits = SEARCH_LIMITS,
): RegisterJudgement {
  const clients = new Set(operations.map(({ client }) => client)).size
  if (operations.length > limits.operationsMax)
    return { verdict: 'unknown', steps: 0, why: `${operations.length} operations, at most ${limits.operationsMax}` }
  if (clients > limits.clientsMax)
    return { verdict: 'unknown', steps: 0, why: `${clients} clients, at most ${limits.clientsMax}` }
  const outcome = searchLinearization(operations, initial, limits.stepsMax)
  if (outcome.verdict === 'unknown') {
    return { verdict: 'unknown', steps: outcome.steps, why: `no answer within ${outcome.steps} steps` }
  }
  if (outcome.verdict === 'linearizable') return outcome
  const shortest = shortestWithoutOrder(operations, initial, limits.stepsMax)
  return { verdict: 'not-linearizable', steps: outcome.steps, why: told(shortest) }
}

/** What had been called until `time`, with the outcomes known by then. Linearizable if the whole is. */
function until(operations: readonly RegisterOperation[], time: number): RegisterOperation[] {
  return operations
    .filter(({ calledAt }) => calledAt <= time)
    .map((operation) => (operation.returnedAt <= time ? operation : { ...operation, returnedAt: Infinity }))
    .filter(({ returnedAt, action }) => returnedAt !== Infinity || action.f !== 'read')
}

function shortestWithoutOrder(
  operations: readonly RegisterOperation[],
  initial: string,
  stepsMax: number,
): readonly RegisterOperation[] {
  const returns = operations
    .map(({ returnedAt }) => returnedAt)
    .filter((time) => time !== Infinity)
    .toSorted((a, b) => a - b)
  // A beginning that takes too long to judge counts as explained: then a longer one is told, which is true as well.
  let [low, high] = [0, returns.length - 1]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const { verdict } = searchLinearization(until(operations, returns[middle] ?? 0), initial, stepsMax)
    if (verdict === 'not-linearizable') high = middle
    else low = middle + 1
  }
  return until(operations, returns[high] ?? Infinity)
}

function told(operations: readonly RegisterOperation[]): string {
  const last = operations
    .filter(({ returnedAt }) => returnedAt !== Infinity)
    .reduce<RegisterOperation | undefined>(
      (latest, each) => (latest === undefined || each.returnedAt > latest.returnedAt ? each : latest),
      undefined,
    )
  if (last === undefined) return 'nothing explains it'
  const { action, name } = last
  const did =
    action.f === 'read'
      ? `read ${valueText(action.value)}`
      : action.f === 'write'
        ? `wrote ${valueText(action.value)}`
        : `replaced ${valueText(action.expected)} by ${valueText(action.value)}`
  return `no order explains that ${name} ${did}, among the first ${operations.length} operations`
}

const valueText = (value: string): string => (value === '' ? 'nothing' : value)
