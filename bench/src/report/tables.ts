import { BREAKDOWN_PARTS } from './breakdown.ts'
import { cellTax } from './heat-map.ts'
import type { HierarchyGain } from './hierarchy-panel.ts'
import { markup } from './markup.ts'
import type { Markup, MarkupPart } from './markup.ts'
import { ms, ratio, shortMs } from './numbers.ts'
import type { CellLine, RunHeader } from './report-input.ts'
import { linkMs, regionPairs } from './round-trips.ts'
import { PART_TITLES } from './stacked-bars.ts'
import type { BrokenDownCell } from './stacked-bars.ts'
import { isUsable, matrixCells } from './tax-matrix.ts'
import type { TaxMatrix } from './tax-matrix.ts'

export interface Column {
  readonly title: string
  /** Words to the left, figures to the right. */
  readonly words?: boolean
}

/** A row of a single cell spans the table: a remark on the row before. */
export const table = (columns: readonly Column[], rows: readonly (readonly MarkupPart[])[]): Markup => {
  const side = (index: number): Markup | null => (columns[index]?.words === true ? markup` class="words"` : null)
  return markup`<div class="wide" tabindex="0"><table><thead><tr>${columns.map((column, index) => markup`<th scope="col"${side(index)}>${column.title}</th>`)}</tr></thead><tbody>${rows.map((row) => (row.length === 1 ? markup`<tr><td class="words reason" colspan="${columns.length}">${row}</td></tr>` : markup`<tr>${row.map((cell, index) => markup`<td${side(index)}>${cell}</td>`)}</tr>`))}</tbody></table></div>`
}

/** What stands under every picture, for who cannot see it and for who wants the figures. */
export const asTable = (content: Markup): Markup =>
  markup`<details><summary>The same as a table</summary>${content}</details>`

export function matrixTable(matrix: TaxMatrix, of: (cell: CellLine) => string): Markup {
  return table(
    [
      { title: 'leader', words: true },
      ...matrix.regions.map((client) => ({ title: client.displayName })),
      { title: 'mean, ms' },
    ],
    matrix.rows.map((row) => [
      row.leader.displayName,
      ...row.cells.map((cell) =>
        cell === null ? '–' : cell.rejected === null ? of(cell) : markup`<s>${of(cell)}</s> rejected`,
      ),
      ms(row.cost?.meanMs ?? null),
    ]),
  )
}

export const floorTable = (matrix: TaxMatrix): Markup =>
  table(
    [
      { title: 'leader', words: true },
      { title: 'client', words: true },
      ...['floor', 'p50', 'p50 − floor', 'raw − floor', 'p99 − floor'].map((title) => ({ title })),
    ],
    matrixCells(matrix)
      .filter(isUsable)
      .map((cell) => [
        cell.leaderRegion,
        cell.clientRegion,
        ms(cell.floorMs),
        ms(cell.oursP50Ms),
        ms(cell.oursP50Ms - cell.floorMs, 2),
        ms(cell.rawP50Ms === null ? null : cell.rawP50Ms - cell.floorMs, 2),
        ms(cell.oursP99Ms === null ? null : cell.oursP99Ms - cell.floorMs, 2),
      ]),
  )

export const breakdownTable = (cells: readonly BrokenDownCell[]): Markup =>
  table(
    [
      { title: 'leader', words: true },
      { title: 'client', words: true },
      ...BREAKDOWN_PARTS.map((part) => ({ title: PART_TITLES[part] })),
      { title: 'p50' },
    ],
    cells.map(({ leader, client, breakdown }) => [
      leader,
      client,
      ...BREAKDOWN_PARTS.map((part) => ms(breakdown.partsMs[part], 2)),
      ms(breakdown.totalMs, 2),
    ]),
  )

export const hierarchyTable = (gains: readonly HierarchyGain[]): Markup =>
  table(
    [
      { title: 'region', words: true },
      ...['in the region, ms', 'flat, ms', 'flat, worst place, ms', 'cheaper by'].map((title) => ({ title })),
    ],
    gains.map((gain) => [
      gain.region.displayName,
      shortMs(gain.regionalMs),
      shortMs(gain.flatMs),
      shortMs(gain.flatWorstMs),
      `${gain.gain.toFixed(0)} ×`,
    ]),
  )

export const calibrationTable = (run: RunHeader): Markup =>
  table(
    [
      { title: 'link', words: true },
      { title: 'nominal, ms' },
      { title: 'calibrated, ms' },
      { title: 'emulation adds, ms' },
    ],
    regionPairs(run.regions).map(([a, b]) => {
      const nominal = linkMs(run.calibration, a.id, b.id, (link) => link.nominalMs)
      const measured = linkMs(run.calibration, a.id, b.id, (link) => link.measuredMs)
      const added = nominal === null || measured === null ? null : measured - nominal
      return [`${a.displayName} – ${b.displayName}`, ms(nominal), ms(measured, 2), ms(added, 2)]
    }),
  )

const CELL_COLUMNS: readonly Column[] = [
  { title: 'leader', words: true },
  { title: 'client', words: true },
  ...[
    'floor',
    'direct p50',
    'proxied p50',
    'raw p50',
    'raw p99',
    'ours p50',
    'ours p99',
    'tax',
    'count',
    'largest gap',
  ].map((title) => ({ title })),
]

/** Every cell as it was recorded, those that must not be used included. */
export function cellTable(lines: readonly CellLine[]): Markup {
  const rows = lines.flatMap((line): readonly (readonly MarkupPart[])[] => {
    const cells = [
      line.leaderRegion,
      line.clientRegion,
      ms(line.floorMs),
      ms(line.directP50Ms, 2),
      ms(line.proxiedP50Ms, 2),
      ms(line.rawP50Ms, 2),
      ms(line.rawP99Ms, 2),
      ms(line.oursP50Ms, 2),
      ms(line.oursP99Ms, 2),
      ratio(cellTax(line)),
      String(line.count),
      ms(line.largestGapMs),
    ]
    return line.rejected === null
      ? [cells]
      : [cells.map((each) => markup`<s>${each}</s>`), [`rejected: ${line.rejected}`]]
  })
  return table(CELL_COLUMNS, rows)
}
