import { scaleColour, schemeStyle } from './colours.ts'
import { markup } from './markup.ts'
import type { Markup } from './markup.ts'
import { axisTicks, ms, ratio, shortMs } from './numbers.ts'
import { PICTURE_STYLE } from './picture-style.ts'
import { hatch, lineAt, picture, rectAt, shortened, STYLE_OF, textAt } from './picture.ts'
import type { CellLine } from './report-input.ts'
import { isUsable, matrixCells, rankedRows } from './tax-matrix.ts'
import type { LeaderRow, TaxMatrix } from './tax-matrix.ts'

export type HeatMapValue = 'p50' | 'tax'

export interface HeatMapOptions {
  readonly id: string
  readonly value: HeatMapValue
  /** With its own style sheet and background, for a page that is not ours. */
  readonly standalone?: boolean
}

const LABEL_WIDTH = 108
const HEAD_HEIGHT = 64
const GAP = 3

/** The tax ratio of the medians: computed here, so that a cell without the benchmark's own figure still has one. */
export const cellTax = (cell: CellLine): number | null =>
  cell.taxRatio ??
  (cell.floorMs === null || cell.floorMs === 0 || cell.oursP50Ms === null ? null : cell.oursP50Ms / cell.floorMs)

interface Look {
  readonly size: { readonly width: number; readonly height: number }
  readonly of: (cell: CellLine) => number | null
  readonly main: (value: number) => string
  readonly under: (cell: CellLine) => string
  readonly legend: {
    readonly from: number
    readonly to: number
    readonly ticks: readonly number[]
    readonly title: string
  }
  readonly tick: (value: number) => string
}

function lookOf(matrix: TaxMatrix, value: HeatMapValue): Look {
  const cells = matrixCells(matrix).filter(isUsable)
  const many = matrix.regions.length > 4
  if (value === 'tax') {
    const most = Math.max(1.02, ...cells.map((cell) => cellTax(cell) ?? 1))
    const ticks = axisTicks(most - 1, 4).map((tick) => 1 + tick)
    return {
      size: { width: many ? 66 : 84, height: many ? 38 : 46 },
      of: cellTax,
      main: (tax) => ratio(tax),
      under: () => '',
      legend: { from: 1, to: ticks.at(-1) ?? most, ticks, title: 'measured p50 ÷ calibrated floor' },
      tick: (tick) => String(Number(tick.toFixed(4))),
    }
  }
  const ticks = axisTicks(Math.max(1, ...cells.map((cell) => cell.oursP50Ms)), 5)
  return {
    size: { width: many ? 78 : 104, height: many ? 52 : 60 },
    of: (cell) => cell.oursP50Ms,
    main: (p50) => (p50 < 10 ? shortMs(p50) : ms(p50)),
    under: (cell) => (cell.floorMs === null ? '' : `floor ${ms(cell.floorMs)}`),
    legend: { from: 0, to: ticks.at(-1) ?? 1, ticks, title: 'measured p50, ms' },
    tick: String,
  }
}

/** Leader places down, client regions across; the cheapest place is framed, rejected cells are hatched. */
export function heatMap(matrix: TaxMatrix, { id, value, standalone = false }: HeatMapOptions): Markup {
  const look = lookOf(matrix, value)
  const { width: cellWidth, height: cellHeight } = look.size
  const { regions, rows } = matrix
  const ranked = rankedRows(matrix)
  const best = ranked[0]
  const complete = ranked.length === rows.length
  const margin = standalone ? 16 : 2
  const gridWidth = regions.length * (cellWidth + GAP)
  const meanX = margin + LABEL_WIDTH + gridWidth + 8
  // A mean of ratios would weigh a near client's fraction of a millisecond like a far one's ten.
  const withMeans = value === 'p50'
  const width = meanX + (withMeans ? 74 : 0) + margin
  const gridBottom = margin + HEAD_HEIGHT + rows.length * (cellHeight + GAP)
  const height = gridBottom + 58 + margin
  const narrow = cellWidth < 70
  const nameChars = value === 'tax' ? Math.floor(cellWidth / 6) : Math.floor(cellWidth / 7)

  const columnX = (index: number): number => margin + LABEL_WIDTH + index * (cellWidth + GAP)
  const rowY = (index: number): number => margin + HEAD_HEIGHT + index * (cellHeight + GAP)
  const heads = regions.map((client, index) => {
    const x = columnX(index) + cellWidth / 2
    return markup`${textAt(x, margin + 36, shortened(client.displayName, nameChars), { look: `mid bold${narrow ? ' small' : ''}` })}${textAt(x, margin + 52, shortened(client.id, nameChars + 2), { look: 'mid small soft' })}`
  })
  const body = rows.map((row, index) => {
    const y = rowY(index)
    const meanMs = row.cost?.meanMs
    const isBest = row === best || row.leader.id === best?.leader.id
    return markup`${textAt(margin + LABEL_WIDTH - 10, y + cellHeight / 2 - 2, shortened(row.leader.displayName, 15), { look: isBest ? 'end bold accent' : 'end bold' })}${textAt(margin + LABEL_WIDTH - 10, y + cellHeight / 2 + 13, isBest ? (complete ? 'best place' : 'best ranked') : shortened(row.leader.id, 17), { look: isBest ? 'end small accent' : 'end small soft' })}${row.cells.map((cell, column) => cellAt(cell, columnX(column), y, row, column))}${withMeans ? textAt(meanX, y + cellHeight / 2 + 5, meanMs === undefined ? '–' : look.main(meanMs), { look: isBest ? 'big accent' : 'big' }) : null}`
  })
  function cellAt(cell: CellLine | null, x: number, y: number, row: LeaderRow, column: number): Markup {
    const box = { x, y, width: cellWidth, height: cellHeight }
    const middle = x + cellWidth / 2
    const where = `leader ${row.leader.displayName}, client ${regions[column]?.displayName ?? ''}`
    const shown = cell === null ? null : look.of(cell)
    if (cell === null || (shown === null && cell.rejected === null)) {
      return markup`${rectAt('empty', box, `${where}: not measured`)}${textAt(middle, y + cellHeight / 2 + 4, '–', { look: 'mid soft' })}`
    }
    if (cell.rejected !== null || shown === null) {
      return markup`${rectAt('axis', box, `${where}: rejected, ${cell.rejected ?? ''}`, `fill:url(#${id}-hatch)`)}${rectAt('surface', { x: middle - 27, y: y + cellHeight / 2 - 15, width: 54, height: 34 })}${textAt(middle, y + cellHeight / 2 - 1, shown === null ? '–' : look.main(shown), { look: 'mid soft struck' })}${textAt(middle, y + cellHeight / 2 + 15, 'rejected', { look: 'mid small' })}`
    }
    const colour = scaleColour((shown - look.legend.from) / (look.legend.to - look.legend.from))
    const under = look.under(cell)
    const mainY = under === '' ? y + cellHeight / 2 + 5 : y + cellHeight / 2 + 1
    const hint = `${where}: p50 ${ms(cell.oursP50Ms)} ms, p99 ${ms(cell.oursP99Ms)} ms, floor ${ms(cell.floorMs)} ms, raw etcd ${ms(cell.rawP50Ms)} ms, ratio ${ratio(cellTax(cell))}`
    return markup`<g style="${schemeStyle(colour)}">${rectAt('heat', box, hint)}${textAt(middle, mainY, look.main(shown), { look: value === 'tax' ? 'mid bold heat-text' : 'mid big heat-text' })}${under === '' ? null : textAt(middle, y + cellHeight / 2 + 17, under, { look: 'mid small heat-text' })}</g>`
  }
  const frame =
    best === undefined
      ? null
      : rectAt('frame', {
          x: columnX(0) - 2,
          y: rowY(rows.findIndex((row) => row.leader.id === best.leader.id)) - 2,
          width: gridWidth - GAP + 4,
          height: cellHeight + 4,
        })

  const content = [
    hatch(`${id}-hatch`),
    ...(standalone
      ? [STYLE_OF(PICTURE_STYLE), markup`<rect class="surface" width="100%" height="100%" rx="10"/>`]
      : []),
    textAt(margin + LABEL_WIDTH - 10, margin + 14, 'leader ↓', { look: 'end small soft' }),
    textAt(columnX(0), margin + 14, 'client →', { look: 'small soft' }),
    ...(withMeans
      ? [
          textAt(meanX, margin + 36, 'mean', { look: 'bold' }),
          textAt(meanX, margin + 52, 'of clients', { look: 'small soft' }),
        ]
      : []),
    ...heads,
    ...body,
    ...(frame === null ? [] : [frame]),
    legend(look, columnX(0), gridBottom + 14, Math.min(gridWidth - GAP, 300)),
  ]
  const description =
    best === undefined
      ? `${matrix.operation}: no place of the leader has a complete row.`
      : value === 'p50'
        ? `${matrix.operation}: cheapest with the leader in ${best.leader.displayName}, mean ${ms(best.cost.meanMs)} ms, worst client ${ms(best.cost.worstMs)} ms.`
        : `${matrix.operation}: how many times the calibrated floor the median took.`
  return picture(
    {
      id,
      title:
        value === 'p50'
          ? 'Measured median by leader place and client region'
          : 'Tax ratio by leader place and client region',
      description,
      width,
      height,
    },
    content,
  )
}

function legend(look: Look, x: number, y: number, width: number): Markup {
  const { from, to, ticks, title } = look.legend
  const steps = 40
  const bands = Array.from({ length: steps }, (_, index) => {
    const colour = scaleColour((index + 0.5) / steps)
    const band = { x: x + (index * width) / steps, y, width: width / steps + 0.5, height: 9 }
    return rectAt('heat', band, null, schemeStyle(colour))
  })
  const marks = ticks.map((tick) => {
    const at = x + ((tick - from) / (to - from)) * width
    return markup`${lineAt('axis', at, y + 9, at, y + 13)}${textAt(at, y + 25, look.tick(tick), { look: 'mid small soft' })}`
  })
  return markup`${bands}${marks}${textAt(x, y + 41, title, { look: 'small soft' })}`
}
