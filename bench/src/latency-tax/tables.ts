import type { CellLine, RunHeader } from '../report/report-input.ts'
import { farthestFrom, GOALS, goalsOf } from './goals.ts'
import type { CellGoals, GoalName, GoalVerdict } from './goals.ts'
import { FLOORS, ONE_DOWN_RUNS, OPERATION_RUNS, OPERATIONS } from './operations.ts'

const ms = (value: number | null): string =>
  value === null ? '-' : value.toFixed(Math.abs(value) >= 100 ? 1 : 2).replace(/^-(0\.0+)$/, '$1')
const less = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a - b)

/** Words to the left, figures to the right, one blank between columns: nine columns must fit into 80. */
export function textTable(words: number, rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)))
  return rows.map((row) =>
    row
      .map((cell, i) => (i < words ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join(' ')
      .trimEnd(),
  )
}

/** Where the time of each cell of one operation goes. */
export function cellTable(lines: readonly CellLine[], operation: string): readonly string[] {
  const rows = lines
    .filter((line) => line.operation === operation)
    .map((line) => {
      const emulationMs = less(line.proxiedP50Ms, line.directP50Ms)
      return [
        line.leaderRegion,
        line.clientRegion,
        ms(line.floorMs),
        ms(emulationMs),
        ms(less(less(line.rawP50Ms, line.floorMs), emulationMs)),
        ms(less(line.oursP50Ms, line.rawP50Ms)),
        ms(line.oursP50Ms),
        ms(line.oursP99Ms),
        `${line.taxRatio?.toFixed(3) ?? '-'}${line.rejected === null ? '' : '!'}`,
      ]
    })
  return textTable(2, [['leader', 'client', 'floor', 'emul', 'etcd', 'ours+', 'p50', 'p99', 'tax'], ...rows])
}

/** Medians over the cells that may be used, one row per operation. */
export function operationTable(lines: readonly CellLine[]): readonly string[] {
  const operations = [...new Set(lines.map((line) => line.operation))]
  const rows = operations.map((operation) => {
    const own = lines.filter((line) => line.operation === operation && line.rejected === null)
    const middle = (of: (line: CellLine) => number | null): number | null => {
      const sorted = own
        .map(of)
        .filter((value) => value !== null)
        .toSorted((a, b) => a - b)
      return sorted[Math.floor((sorted.length - 1) / 2)] ?? null
    }
    return [
      operation,
      String(own.length),
      ms(middle((line) => line.floorMs)),
      ms(middle((line) => line.rawP50Ms)),
      ms(middle((line) => line.oursP50Ms)),
      ms(middle((line) => line.oursP99Ms)),
      middle((line) => line.taxRatio)?.toFixed(3) ?? '-',
      ms(middle((line) => line.largestGapMs)),
    ]
  })
  return textTable(1, [['operation', 'cells', 'floor', 'raw', 'ours', 'p99', 'tax', 'gap'], ...rows])
}

const SHORT: Readonly<Record<GoalVerdict, string>> = {
  met: 'met',
  'not met': 'NOT MET',
  'does not apply': '-',
  rejected: 'rejected',
}
const GOAL_NAMES = Object.keys(GOALS) as readonly GoalName[]

export function goalTable(goals: readonly CellGoals[]): readonly string[] {
  const rows = goals.map(({ leaderRegion, clientRegion, results }) => [
    leaderRegion,
    clientRegion,
    ...GOAL_NAMES.map((name) => {
      const result = results.find(({ goal }) => goal === name)
      return result === undefined ? '-' : SHORT[result.verdict]
    }),
  ])
  return textTable(2, [['leader', 'client', ...GOAL_NAMES], ...rows])
}

/** What each goal demands, in how many cells it is met, and what keeps the farthest from it. */
export function goalSummary(goals: readonly CellGoals[]): readonly string[] {
  return GOAL_NAMES.flatMap((name) => {
    const verdicts = goals.flatMap(({ results }) => results.filter(({ goal }) => goal === name))
    const count = (verdict: GoalVerdict) => verdicts.filter((each) => each.verdict === verdict).length
    const rejected = count('rejected')
    const judged = count('met') + count('not met')
    const told = `${name}: ${GOALS[name]}: ${count('met')} of ${judged}${rejected === 0 ? '' : `, ${rejected} rejected`}`
    const worst = farthestFrom(name, goals)
    return worst === undefined
      ? [told]
      : [told, `  farthest: ${worst.leaderRegion} ${worst.clientRegion}, ${worst.result.reason}`]
  })
}

/** Cells that must not be used, each once, with every reason. */
export const rejections = (lines: readonly CellLine[]): readonly string[] => [
  ...new Set(
    lines.flatMap(({ leaderRegion, clientRegion, operation, rejected }) =>
      rejected === null
        ? []
        : [`${leaderRegion} ${clientRegion}${operation === OPERATIONS.oneDown ? ' (one down)' : ''}: ${rejected}`],
    ),
  ),
]

const clockTime = (seconds: unknown): string => `${Math.floor(Number(seconds) / 60)} min ${Number(seconds) % 60} s`

/** What the floors of the operations are made of. */
function floorLines(lines: readonly CellLine[]): readonly string[] {
  const kinds = [...OPERATION_RUNS, ONE_DOWN_RUNS].filter(({ operation }) =>
    lines.some((line) => line.operation === operation),
  )
  return [...new Set(kinds.map(({ floor }) => floor))].flatMap((floor) => [
    `floor of ${kinds
      .filter((kind) => kind.floor === floor)
      .map(({ operation }) => operation)
      .slice(0, 2)
      .join(', ')}${kinds.filter((kind) => kind.floor === floor).length > 2 ? ' and others alike' : ''}:`,
    `  ${FLOORS[floor]}`,
  ])
}

/** What a person is told of a run, in 80 columns. */
export function summaryLines(run: RunHeader, lines: readonly CellLine[]): readonly string[] {
  const { machine, parameters } = run
  const goals = goalsOf(lines)
  const rejected = rejections(lines)
  const oneDown = lines.filter(({ operation }) => operation === OPERATIONS.oneDown)
  return [
    `${run.topology}, commit ${run.commit.slice(0, 12)}, ${run.date}, took ${clockTime(parameters['tookS'])}`,
    `${machine.cores} x ${machine.cpu}, ${machine.memoryGb} GB, ${machine.kernel}, load ${String(parameters['loadAverage'])}`,
    `node ${machine.node}, etcd ${machine.etcd}, fdatasync p50 ${machine.fsyncP50Ms} ms, p99 ${machine.fsyncP99Ms} ms`,
    `${String(parameters['samples'])} samples per run and cell (${String(parameters['linearizableReadSamples'])} of linearizable reads);`,
    `commits in an open loop at ${String(parameters['ratePerS'])}/s, the rest one at a time (closed loop)`,
    '',
    'Global commit, ms. floor: calibrated; emul: proxies at 0 ms less no proxies;',
    'etcd: raw etcd less both; ours+: our API less raw etcd; p50, p99: our API.',
    '',
    ...cellTable(lines, OPERATIONS.globalCommit),
    '',
    'Medians over the cells, ms',
    '',
    ...operationTable(lines),
    '',
    ...floorLines(lines),
    '',
    ...(oneDown.length === 0
      ? []
      : [
          `With the nearest voter (${String(parameters['oneDown'])}) dead`,
          '',
          ...cellTable(lines, OPERATIONS.oneDown),
          '',
        ]),
    'Goals',
    '',
    ...goalTable(goals),
    '',
    ...goalSummary(goals),
    ...(rejected.length === 0 ? [] : ['', 'Rejected, not to be used (! above):', ...rejected]),
  ]
}
