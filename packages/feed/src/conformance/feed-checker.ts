import { comparePositions, START_POSITION } from '@meridian/topology'
import type { Position } from '@meridian/topology'
import type { StreamHistory } from './stream-history.ts'

type Records = ReadonlyMap<string, Uint8Array>

/**
 * Holds what one follower did against what was committed. Knows nothing of the rule by which it did it, compares the
 * records themselves and not their digests, and collects violations so that a run can be read to its end.
 */
export class FeedChecker {
  readonly violations: string[] = []
  readonly #history: StreamHistory
  #highest: Position = START_POSITION

  constructor(history: StreamHistory) {
    this.#history = history
  }

  applied(position: Position, records: Records): void {
    if (comparePositions(position, this.#highest) <= 0) this.#violated('F1', position, 'applied again or back')
    this.#complete('applied', position, records)
  }

  resynced(position: Position, records: Records): void {
    if (comparePositions(position, this.#highest) < 0) this.#violated('F3', position, 'a resync went back')
    this.#complete('resynced', position, records)
  }

  /** For the end of a run, when all faults are over: the view is that of the last commit. */
  converged(records: Records): boolean {
    return equal(records, this.#history.recordsAt(this.#history.head))
  }

  #complete(how: string, position: Position, records: Records): void {
    if (comparePositions(position, this.#highest) > 0) this.#highest = position
    const expected = this.#history.recordsAt(position)
    if (!equal(records, expected)) {
      this.#violated(
        'F2',
        position,
        `${how}, but the records are ${describe(records)} instead of ${describe(expected)}`,
      )
    }
  }

  #violated(invariant: string, at: Position, what: string): void {
    this.violations.push(
      `${invariant} at ${at.incarnation}/${at.revision} (highest ${this.#highest.revision}): ${what}`,
    )
  }
}

function equal(a: Records, b: Records): boolean {
  if (a.size !== b.size) return false
  for (const [key, value] of a) {
    const other = b.get(key)
    if (other === undefined || Buffer.compare(value, other) !== 0) return false
  }
  return true
}

function describe(records: Records): string {
  const shown = [...records].slice(0, 8).map(([key, value]) => `${key}=${Buffer.from(value).toString().slice(0, 16)}`)
  return `{${shown.sort().join(' ')}} of ${records.size}`
}
