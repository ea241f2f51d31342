import { expect, test } from 'vitest'

import { slowest, sum, totalsLine } from './tally.ts'
import { countReport } from './vitest-report.ts'

const passing = { fullName: 'a', status: 'passed', duration: 3 }
const failing = { fullName: 'b', status: 'failed', duration: 9 }
const skipped = { fullName: 'c', status: 'skipped' }
const file = (status: string, ...assertionResults: unknown[]) => ({ name: 'x.test.ts', status, assertionResults })

test.each([
  ['tests are counted by status', [file('failed', passing, failing, skipped)], 1, [1, 1, 1]],
  ['a file that failed as a whole is a failure', [file('failed'), file('passed', passing)], 1, [1, 1, 0]],
  ['a failed set-up beside passing tests is a failure', [file('failed', passing)], 1, [1, 1, 0]],
  ['a run without any test has failed', [], 0, [0, 1, 0]],
  ['a run of skipped tests only has failed', [file('passed', skipped)], 0, [0, 1, 1]],
  ['a non-zero exit without a failed test is a failure', [file('passed', passing)], 1, [1, 1, 0]],
  ['a clean run is clean', [file('passed', passing, skipped)], 0, [1, 0, 1]],
])('%s', (_name, testResults, exitCode, expected) => {
  const outcome = countReport({ testResults }, exitCode)
  expect([outcome.passed, outcome.failed, outcome.skipped]).toEqual(expected)
})

test.each([undefined, null, 'text', [], { testResults: 'none' }])('a report that is %j has failed', (report) => {
  expect(countReport(report, 0)).toMatchObject({ passed: 0, failed: 1 })
})

test('totals are sums, and the slowest come first', () => {
  const outcome = countReport({ testResults: [file('failed', passing, failing)] }, 1)
  expect(totalsLine(sum([outcome, { passed: 1, failed: 0, skipped: 0 }]))).toBe('2 passed, 1 failed')
  expect(slowest(outcome.tests, 1).map((timed) => timed.name)).toEqual(['b'])
})
