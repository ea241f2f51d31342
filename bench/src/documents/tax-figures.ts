import { GOALS, goalsOf } from '../latency-tax/goals.ts'
import type { GoalName } from '../latency-tax/goals.ts'
import { OPERATIONS } from '../latency-tax/operations.ts'
import { mean, ms, ratio } from '../report/numbers.ts'
import type { CellLine, Results } from '../report/report-input.ts'
import { isUsable, rankedRows, taxMatrix } from '../report/tax-matrix.ts'
import { markdownTable } from './markdown-table.ts'

/** What a run of the latency tax says, in words that are true of it whatever it says. */
export function taxFigures({ run, lines }: Results): string {
  const matrix = taxMatrix(OPERATIONS.globalCommit, lines, run.regions)
  const table = markdownTable(
    1,
    ['leader', ...run.regions.map(({ displayName }) => displayName), 'mean', 'x floor'],
    matrix.rows.map(({ leader, cells, cost }) => [
      leader.displayName,
      ...cells.map((cell) => (isUsable(cell) ? `${ms(cell.oursP50Ms)} (${ms(cell.floorMs)})` : 'rejected')),
      cost === null ? '–' : ms(cost.meanMs),
      cost === null ? '–' : ratio(cost.meanMs / cost.meanFloorMs, 2),
    ]),
  )
  return [
    ranInWords({ run, lines }),
    table,
    ...rankedInWords({ run, lines }),
    sharesInWords(lines),
    goalTable(lines),
  ].join('\n\n')
}

const middleOf = (values: readonly number[]): number | null => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? null
}

function ranInWords({ run, lines }: Results): string {
  const cells = lines.filter(({ operation }) => operation === OPERATIONS.globalCommit)
  const accepted = cells.filter(isUsable).length
  const { machine, parameters } = run
  return (
    `Median of a global commit, ms, and in brackets the floor; rows: place of the leader, columns: client region. ` +
    `Run of ${run.date.slice(0, 10)} at commit ${run.commit.slice(0, 12)}: ${machine.cores} cores (${machine.cpu}), ` +
    `load ${String(parameters['loadAverage'])} before it, ${String(parameters['samples'])} samples a run and cell at ` +
    `${String(parameters['ratePerS'])} commits/s, ` +
    `${accepted} of ${cells.length} cells accepted.`
  )
}

function rankedInWords({ run, lines }: Results): readonly string[] {
  const ranked = rankedRows(taxMatrix(OPERATIONS.globalCommit, lines, run.regions))
  const [best] = ranked
  const dearest = ranked.at(-1)
  if (best === undefined || dearest === undefined) return []
  const led = `Led from ${best.leader.displayName} a commit takes ${ms(best.cost.meanMs)} ms in the mean of the clients`
  return dearest === best
    ? [`${led}.`]
    : [`${led}; led from ${dearest.leader.displayName} ${ms(dearest.cost.meanMs)} ms, and no code wins that back.`]
}

/** Medians over the cells: what is whose. */
function sharesInWords(lines: readonly CellLine[]): string {
  const usable = (operation: string) => lines.filter((line) => line.operation === operation).filter(isUsable)
  const commits = usable(OPERATIONS.globalCommit)
  const differences = (of: (line: CellLine) => number | null) => middleOf(commits.flatMap((line) => of(line) ?? []))
  const emulation = differences((line) => less(line.proxiedP50Ms, line.directP50Ms))
  const etcd = differences((line) => less(less(line.rawP50Ms, line.floorMs), less(line.proxiedP50Ms, line.directP50Ms)))
  const ours = differences((line) => less(line.oursP50Ms, line.rawP50Ms))
  const call = middleOf(usable(OPERATIONS.localRead).map(({ oursP50Ms }) => oursP50Ms))
  const flat = middleOf(usable(OPERATIONS.flatChange).map(({ oursP50Ms }) => oursP50Ms))
  const regional = usable(OPERATIONS.regionalChange)
  const regionalMs = middleOf(regional.map(({ oursP50Ms }) => oursP50Ms))
  // Older files have none.
  const regionalFloorMs = middleOf(regional.flatMap(({ floorMs }) => (floorMs > 0 ? [floorMs] : [])))
  const floor = regionalFloorMs === null ? '' : ` (floor ${ms(regionalFloorMs, 2)} ms)`
  return (
    `Medians over the cells: above the floor are ${ms(emulation, 2)} ms of emulation, ${ms(etcd, 2)} ms of etcd and ` +
    `${ms(ours, 2)} ms of Meridian, where a call to our API that asks nobody takes ${ms(call, 2)} ms. A change of leader ` +
    `inside a region takes ${ms(regionalMs, 2)} ms${floor}; the same change in a stretched etcd ${ms(flat)} ms.`
  )
}

const less = (a: number | null, b: number | null): number | null => (a === null || b === null ? null : a - b)

function goalTable(lines: readonly CellLine[]): string {
  const goals = goalsOf(lines)
  return markdownTable(
    1,
    ['goal', 'cells that meet it', 'median'],
    (Object.keys(GOALS) as GoalName[]).map((name) => {
      const results = goals.flatMap((cell) => cell.results.filter(({ goal }) => goal === name))
      const judged = results.filter(({ verdict }) => verdict === 'met' || verdict === 'not met')
      const values = judged.flatMap(({ value }) => value ?? [])
      return [
        GOALS[name],
        `${judged.filter(({ verdict }) => verdict === 'met').length} of ${judged.length}`,
        values.length === 0 ? '–' : UNITS[name](middleOf(values) ?? mean(values)),
      ]
    }),
  )
}

const added = (value: number): string => `${value < 0 ? '' : '+'}${ms(value, 2)} ms`
const UNITS: Readonly<Record<GoalName, (value: number) => string>> = {
  raw: added,
  floor: added,
  tail: added,
  tax: (value) => `${ratio(value)} x`,
  regional: (value) => `${ratio(value, 0)} x`,
}
