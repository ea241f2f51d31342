import { OPERATIONS } from '../latency-tax/operations.ts'
import { findingOf } from './finding.ts'
import { heatMap } from './heat-map.ts'
import { hierarchyGains } from './hierarchy-panel.ts'
import { markup, trusted } from './markup.ts'
import { mean } from './numbers.ts'
import { PAGE_STYLE } from './page-style.ts'
import type { CellLine, RunHeader } from './report-input.ts'
import { roundTrips } from './round-trips.ts'
import {
  breakdownSection,
  cellsSection,
  floorSection,
  goalsSection,
  hierarchySection,
  lossSection,
  mapSection,
  matrixSection,
  methodSection,
  operationsSection,
} from './sections.ts'
import { mainOperation, rankedRows, taxMatrix } from './tax-matrix.ts'

/** Names of operations in the results. */
export interface ReportOptions {
  /** Of the maps and of the finding; if it was not measured, the operation with the most cells. */
  readonly operation?: string
  /** The change of leader in the region's own etcd, and the same in the stretched one. */
  readonly regional?: string
  readonly flat?: string
  /** Global commits while the leader's nearest other voter is dead. */
  readonly oneDown?: string
}

const namesOf = (options: ReportOptions) => ({
  operation: options.operation ?? OPERATIONS.globalCommit,
  regional: options.regional ?? OPERATIONS.regionalChange,
  flat: options.flat ?? OPERATIONS.flatChange,
  oneDown: options.oneDown ?? OPERATIONS.oneDown,
})

/**
 * One HTML file that needs nothing else: no script, no font, no reference outside. Pure: the same results give the same
 * bytes. Whatever comes from the results is escaped; rejected cells are shown and used for no figure.
 */
export function renderReport(run: RunHeader, lines: readonly CellLine[], options: ReportOptions = {}): string {
  const names = namesOf(options)
  const main = mainOperation(lines, names.operation)
  const matrix = taxMatrix(main, lines, run.regions)
  const trips = roundTrips(run)
  const best = rankedRows(matrix)[0]?.leader.id ?? null
  const finding = findingOf(matrix)
  // Without a ranked place, the first region stands for "some place": the regional change is the same everywhere.
  const gains = hierarchyGains(lines, run.regions, best ?? run.regions[0]?.id ?? '', names)
  const figures = [
    ...finding.figures,
    ...(gains.length === 0
      ? []
      : [
          {
            value: `${mean(gains.map((gain) => gain.gain)).toFixed(0)} ×`,
            label: 'cheaper: a change of leader in its region than in a stretched etcd',
          },
        ]),
  ]
  const down = lines.filter((line) => line.operation === names.oneDown)
  const page = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"><meta name="color-scheme" content="light dark"><title>Latency tax of ${run.topology}</title><style>${trusted(PAGE_STYLE)}</style></head>
<body><main><header><p class="over">Meridian · latency tax · ${run.topology} · ${run.date} · commit ${run.commit}</p><h1>${finding.title}</h1><p class="finding">${finding.sentence}</p></header>
${figures.length === 0 ? null : markup`<div class="tiles">${figures.map(({ value, label }) => markup`<div class="tile"><b>${value}</b><span>${label}</span></div>`)}</div>`}
${matrixSection(matrix)}
${mapSection(run, matrix)}
${floorSection(matrix)}
${breakdownSection(run, matrix, trips)}
${hierarchySection(gains)}
${goalsSection(lines)}
${operationsSection(lines, best)}
${lossSection(run, trips, down)}
${cellsSection(lines, main)}
${methodSection(run)}
<footer>Made from ${lines.length} cells of ${run.topology}, ${run.date}, commit ${run.commit}. This file refers to nothing outside itself.</footer></main></body></html>
`
  return page.markup
}

/** The heat map alone, with its own style for light and dark: a picture for a README. */
export function renderMatrixSvg(run: RunHeader, lines: readonly CellLine[], options: ReportOptions = {}): string {
  const matrix = taxMatrix(mainOperation(lines, namesOf(options).operation), lines, run.regions)
  return `${heatMap(matrix, { id: 'latency-tax', value: 'p50', standalone: true }).markup}\n`
}
