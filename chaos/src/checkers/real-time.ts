import type { Answered } from './operations.ts'
import type { Findings } from './verdict.ts'

/**
 * Of two operations one of which had been answered before the other began, the later one's position is not lower, and
 * higher if it is a write's own.
 *
 * @param where for people; positions of all operations are of one log
 */
export function checkRealTime(where: string, operations: readonly Answered[], findings: Findings): void {
  const ended = operations.toSorted((a, b) => a.returnedAt - b.returnedAt)
  let at = 0
  let highest: Answered | undefined
  for (const operation of operations.toSorted((a, b) => a.calledAt - b.calledAt)) {
    for (let next = ended[at]; next !== undefined && next.returnedAt < operation.calledAt; next = ended[(at += 1)]) {
      if (highest === undefined || highest.idx < next.idx) highest = next
    }
    if (highest === undefined) continue
    const { idx, key, name, f } = operation
    if (idx < highest.idx || (idx === highest.idx && f !== 'read')) {
      findings.violation(
        `${where}: ${key} of ${name} at index ${idx} began after ${highest.key} of ${highest.name} at ${highest.idx} was acknowledged`,
      )
    }
  }
}
