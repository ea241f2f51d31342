import { OVER_FLOOR_P50_MS_MAX, OVER_FLOOR_P99_MS_MAX } from '../latency-tax/goals.ts'
import { markup } from './markup.ts'
import type { Markup } from './markup.ts'
import { axisTicks, ms, px } from './numbers.ts'
import { lineAt, picture, textAt } from './picture.ts'
import { isUsable, matrixCells } from './tax-matrix.ts'
import type { TaxMatrix, UsableCell } from './tax-matrix.ts'

const LEFT = 44
const PLOT_WIDTH = 400
const TOP = 30
const PLOT_HEIGHT = 330
const BOTTOM = TOP + PLOT_HEIGHT
const HEIGHT = BOTTOM + 66

const usable = (matrix: TaxMatrix): readonly UsableCell[] => matrixCells(matrix).filter(isUsable)

interface Axis {
  readonly ticks: readonly number[]
  readonly max: number
  /** Of a floor, across. */
  readonly xOf: (floorMs: number) => number
}

function floorAxis(cells: readonly UsableCell[]): Axis {
  const ticks = axisTicks(Math.max(1, ...cells.flatMap((cell) => [cell.floorMs, cell.oursP50Ms])), 5)
  const max = ticks.at(-1) ?? 1
  return { ticks, max, xOf: (floorMs) => LEFT + (floorMs / max) * PLOT_WIDTH }
}

const across = (axis: Axis): readonly Markup[] => [
  ...axis.ticks.map((tick) => textAt(axis.xOf(tick), BOTTOM + 16, String(tick), { look: 'mid small soft' })),
  textAt(LEFT + PLOT_WIDTH / 2, BOTTOM + 34, 'calibrated floor, ms', { look: 'mid small soft' }),
]

const gridLine = (tick: number, y: number): Markup =>
  markup`${lineAt(tick === 0 ? 'axis' : 'grid', LEFT, y, LEFT + PLOT_WIDTH, y)}${textAt(LEFT - 8, y + 4, ms(tick, Number.isInteger(tick) ? 0 : 1), { look: 'end small soft' })}`

/** The median against its floor, with the line on which they are equal. */
export function floorPlot(matrix: TaxMatrix, id: string): Markup {
  const cells = usable(matrix)
  const axis = floorAxis(cells)
  const yOf = (value: number): number => TOP + PLOT_HEIGHT * (1 - value / axis.max)
  const ratios = cells.filter((cell) => cell.floorMs > 0).map((cell) => cell.oursP50Ms / cell.floorMs)
  return picture(
    {
      id,
      title: 'Measured against floor',
      description:
        ratios.length === 0
          ? 'No cell can be used.'
          : `Medians are ${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)} times their floors.`,
      width: LEFT + PLOT_WIDTH + 16,
      height: HEIGHT,
    },
    [
      textAt(LEFT, 14, 'measured p50, ms', { look: 'small soft' }),
      ...axis.ticks.map((tick) => gridLine(tick, yOf(tick))),
      ...across(axis),
      lineAt('axis', axis.xOf(0), yOf(0), axis.xOf(axis.max), yOf(axis.max)),
      textAt(axis.xOf(axis.max) - 30, yOf(axis.max) + 12, 'measured = floor', { look: 'end small soft' }),
      ...cells.map(
        (cell) =>
          markup`<circle class="meridian part" cx="${px(axis.xOf(cell.floorMs))}" cy="${px(yOf(cell.oursP50Ms))}" r="5"><title>${hintOf(cell)}</title></circle>`,
      ),
    ],
  )
}

/** The same cells with the floor taken off, where a millisecond can be seen: raw etcd, ours, and how far our p99 reaches. */
export function aboveFloorPlot(matrix: TaxMatrix, id: string): Markup {
  const cells = usable(matrix)
  const axis = floorAxis(cells)
  const p50s = cells.flatMap((cell) => [cell.oursP50Ms - cell.floorMs, (cell.rawP50Ms ?? cell.floorMs) - cell.floorMs])
  const tails = cells.flatMap((cell) => (cell.oursP99Ms === null ? [] : [cell.oursP99Ms - cell.floorMs]))
  // One bad tail must not press all the medians into a line: what is above the axis is an arrow at its edge.
  const roomMs = Math.max(OVER_FLOOR_P99_MS_MAX + 1, 2 * Math.max(0, ...p50s))
  const ticks = axisTicks(Math.max(OVER_FLOOR_P50_MS_MAX + 1, Math.min(roomMs, Math.max(0, ...p50s, ...tails))), 5)
  const max = ticks.at(-1) ?? 1
  const min = Math.min(0, ...p50s)
  const yOf = (value: number): number => TOP + (PLOT_HEIGHT * (max - Math.min(value, max))) / (max - min)
  const goal = (value: number, label: string): readonly Markup[] =>
    value > max
      ? []
      : [
          lineAt('goal', LEFT, yOf(value), LEFT + PLOT_WIDTH, yOf(value)),
          textAt(LEFT + PLOT_WIDTH + 6, yOf(value) + 4, label, { look: 'small accent' }),
        ]
  const overs = cells.map((cell) => cell.oursP50Ms - cell.floorMs)
  const keyY = HEIGHT - 12
  const key = markup`<circle class="meridian part" cx="${LEFT + 6}" cy="${keyY}" r="5"/>${textAt(LEFT + 18, keyY + 4, 'ours, p50', { look: 'small' })}${lineAt('stem', LEFT + 112, keyY - 7, LEFT + 112, keyY + 7)}${lineAt('stem', LEFT + 107, keyY - 7, LEFT + 117, keyY - 7)}${textAt(LEFT + 124, keyY + 4, 'up to ours, p99', { look: 'small' })}<circle class="ring" cx="${LEFT + 244}" cy="${keyY}" r="4"/>${textAt(LEFT + 256, keyY + 4, 'raw etcd, p50', { look: 'small' })}`
  return picture(
    {
      id,
      title: 'Measured less floor',
      description:
        overs.length === 0
          ? 'No cell can be used.'
          : `Medians lie ${ms(Math.min(...overs))} to ${ms(Math.max(...overs))} ms above their floors.`,
      width: LEFT + PLOT_WIDTH + 88,
      height: HEIGHT,
    },
    [
      textAt(LEFT, 14, 'measured − floor, ms', { look: 'small soft' }),
      ...ticks.map((tick) => gridLine(tick, yOf(tick))),
      ...across(axis),
      ...goal(OVER_FLOOR_P50_MS_MAX, `goal p50 +${OVER_FLOOR_P50_MS_MAX}`),
      ...goal(OVER_FLOOR_P99_MS_MAX, `goal p99 +${OVER_FLOOR_P99_MS_MAX}`),
      ...cells.map((cell) => aboveMark(cell, axis.xOf(cell.floorMs), yOf, max)),
      key,
    ],
  )
}

function aboveMark(cell: UsableCell, x: number, yOf: (value: number) => number, max: number): Markup {
  const p50 = cell.oursP50Ms - cell.floorMs
  const p99 = cell.oursP99Ms === null ? null : cell.oursP99Ms - cell.floorMs
  const raw = cell.rawP50Ms === null ? null : cell.rawP50Ms - cell.floorMs
  const end =
    p99 !== null && p99 > max
      ? markup`<path class="meridian" d="M${px(x - 4)} ${px(yOf(max))}h8l-4 -8z"/>`
      : lineAt('stem', x - 5, yOf(p99 ?? p50), x + 5, yOf(p99 ?? p50))
  const tail = p99 === null ? null : markup`${lineAt('stem', x, yOf(p50), x, yOf(p99))}${end}`
  return markup`<g><title>${hintOf(cell)}</title>${tail}<circle class="meridian part" cx="${px(x)}" cy="${px(yOf(p50))}" r="5"/>${raw === null ? null : markup`<circle class="ring" cx="${px(x)}" cy="${px(yOf(raw))}" r="4"/>`}</g>`
}

const hintOf = (cell: UsableCell): string =>
  `leader ${cell.leaderRegion}, client ${cell.clientRegion}: floor ${ms(cell.floorMs)} ms, p50 ${ms(cell.oursP50Ms)} ms, p99 ${ms(cell.oursP99Ms)} ms, raw etcd ${ms(cell.rawP50Ms)} ms`
