import type { FaultStep } from './faults/fault-step.ts'

/** Runs that a search for a smaller schedule may cost. */
const TRIES_MAX = 24

/**
 * The smallest schedule found that still fails: halves, then quarters and so on are left out as long as that does not
 * make it pass. Not the smallest there is; what is cheap.
 *
 * @param fails runs the schedule
 */
export async function shrink(
  faults: readonly FaultStep[],
  fails: (faults: readonly FaultStep[]) => Promise<boolean>,
  signal: AbortSignal,
): Promise<readonly FaultStep[]> {
  let best = faults
  let tries = 0
  for (let parts = 2; best.length > 0 && tries < TRIES_MAX && !signal.aborted;) {
    const size = Math.max(1, Math.ceil(best.length / parts))
    let smaller: readonly FaultStep[] | undefined
    for (let from = 0; from < best.length && tries < TRIES_MAX && !signal.aborted; from += size) {
      const without = [...best.slice(0, from), ...best.slice(from + size)]
      tries += 1
      if (await fails(without)) {
        smaller = without
        break
      }
    }
    if (smaller !== undefined) best = smaller
    else if (size === 1) break
    else parts *= 2
  }
  return best
}
