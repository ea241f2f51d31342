import type { TimedTest, VitestOutcome } from './tally.ts'

/**
 * Counts vitest's JSON report. Stricter than vitest: a file that failed as a whole counts as a failure even if it holds
 * no test, a run that executed no test has failed, and so has one that exits non-zero without saying which test it was
 * (an unhandled rejection, a missing report).
 *
 * @param report the parsed report, or undefined if there is none
 * @param exitCode vitest's
 */
export function countReport(report: unknown, exitCode: number): VitestOutcome {
  const tests: TimedTest[] = []
  const complaints: string[] = []
  let passed = 0
  let failed = 0
  let skipped = 0
  for (const file of recordsOf(report, 'testResults')) {
    const name = textOf(file, 'name')
    let failedInFile = 0
    for (const test of recordsOf(file, 'assertionResults')) {
      const status = textOf(test, 'status')
      if (status === 'passed') passed += 1
      else if (status === 'failed') failedInFile += 1
      else skipped += 1
      const durationMs = test['duration']
      if (typeof durationMs === 'number') tests.push({ name: textOf(test, 'fullName'), file: name, durationMs })
    }
    if (textOf(file, 'status') === 'failed' && failedInFile === 0) complaints.push(`${name} failed as a whole`)
    failed += failedInFile
  }
  if (report === undefined) complaints.push('vitest left no report')
  else if (passed + failed === 0) complaints.push('no test was executed')
  if (exitCode !== 0 && failed === 0 && complaints.length === 0) {
    complaints.push(`vitest ended with exit code ${exitCode} although no test failed`)
  }
  return { passed, failed: failed + complaints.length, skipped, tests, complaints }
}

type JsonRecord = Readonly<Record<string, unknown>>

function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null
}

function recordsOf(holder: unknown, field: string): readonly JsonRecord[] {
  const value = isRecord(holder) ? holder[field] : undefined
  return Array.isArray(value) ? value.filter(isRecord) : []
}

function textOf(holder: JsonRecord, field: string): string {
  const value = holder[field]
  return typeof value === 'string' ? value : ''
}
