/** What one stage, or all of them, came to. */
export interface Tally {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

export interface TimedTest {
  readonly name: string
  readonly file: string
  readonly durationMs: number
}

/** What vitest's JSON report says of one project. */
export interface VitestOutcome extends Tally {
  readonly tests: readonly TimedTest[]
  /** Failures that belong to no test, one sentence each. Each is counted in `failed`. */
  readonly complaints: readonly string[]
}

export function sum(tallies: readonly Tally[]): Tally {
  const total = { passed: 0, failed: 0, skipped: 0 }
  for (const tally of tallies) {
    total.passed += tally.passed
    total.failed += tally.failed
    total.skipped += tally.skipped
  }
  return total
}

/** The line a run ends with; CI reads it. */
export function totalsLine(tally: Tally): string {
  return `${tally.passed} passed, ${tally.failed} failed`
}

export function slowest(tests: readonly TimedTest[], count: number): readonly TimedTest[] {
  return tests.toSorted((left, right) => right.durationMs - left.durationMs).slice(0, count)
}
