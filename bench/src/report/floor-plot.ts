import { OVER_FLOOR_P50_MS_MAX, OVER_FLOOR_P99_MS_MAX } from '../latency-tax/goals.ts'
import { markup } from './markup.ts'
import type { Markup } from './markup.ts'
import { axisTicks, ms, px } from './numbers.ts'
import { lineAt, picture, textAt } from './picture.ts'
import { isUsable, matrixCells } from './tax-matrix.ts'
import type { TaxMatrix, UsableCell } from './tax-matrix.ts'

const WIDTH = 560
const LEFT = 52
const RIGHT = 84
const UPPER = { top: 24, height: 300 }
const LOWER = { top: 388, height: 190 }

/**
 * Above, the median against its floor with the line on which they are equal: how close to physics. Below, the same
 * cells with the floor taken off, where a millisecond can be seen: raw etcd, ours, and how far up our p99 reaches.
 */
export function floorPlot(matrix: TaxMatrix, id: string): Markup {
  const cells = matrixCells(matrix).filter(isUsable)
  const ticks = axisTicks(Math.max(1, ...cells.flatMap((cell) => [cell.floorMs, cell.oursP50Ms])), 5)
  const max = ticks.at(-1) ?? 1
  const plotWidth = WIDTH - LEFT - RIGHT
  const xOf = (floorMs: number): number => LEFT + (floorMs / max) * plotWidth
  const upperY = (value: number): number => UPPER.top + UPPER.height * (1 - value / max)

  // One bad tail must not press all the medians into a line: what is above the axis is an arrow at its edge.
  const p50s = cells.flatMap((cell) => [cell.oursP50Ms - cell.floorMs, (cell.rawP50Ms ?? cell.floorMs) - cell.floorMs])
  const tails = cells.flatMap((cell) => (cell.oursP99Ms === null ? [] : [cell.oursP99Ms - cell.floorMs]))
  const roomMs = Math.max(OVER_FLOOR_P99_MS_MAX + 1, 2 * Math.max(0, ...p50s))
  const aboveTicks = axisTicks(Math.max(OVER_FLOOR_P50_MS_MAX + 1, Math.min(roomMs, Math.max(0, ...p50s, ...tails))), 5)
  const aboveMax = aboveTicks.at(-1) ?? 1
  const belowMs = Math.max(0, -Math.min(0, ...p50s))
  const lowerY = (value: number): number =>
    LOWER.top + LOWER.height * (1 - (Math.min(value, aboveMax) + belowMs) / (aboveMax + belowMs))

  const bottom = UPPER.top + UPPER.height
  const upper = [
    textAt(LEFT, 14, 'measured p50, ms', { look: 'small soft' }),
    ...ticks.map(
      (tick) =>
        markup`${lineAt('grid', LEFT, upperY(tick), LEFT + plotWidth, upperY(tick))}${textAt(LEFT - 8, upperY(tick) + 4, String(tick), { look: 'end small soft' })}${textAt(xOf(tick), bottom + 16, String(tick), { look: 'mid small soft' })}`,
    ),
    lineAt('axis', xOf(0), upperY(0), xOf(max), upperY(max)),
    textAt(xOf(max) + 6, upperY(max) + 4, 'the floor', { look: 'small soft' }),
    ...cells.map(
      (cell) =>
        markup`<circle class="meridian part" cx="${px(xOf(cell.floorMs))}" cy="${px(upperY(cell.oursP50Ms))}" r="5"><title>${hintOf(cell)}</title></circle>`,
    ),
  ]
  const goal = (value: number, label: string): readonly Markup[] =>
    value > aboveMax
      ? []
      : [
          lineAt('goal', LEFT, lowerY(value), LEFT + plotWidth, lowerY(value)),
          textAt(LEFT + plotWidth + 6, lowerY(value) + 4, label, { look: 'small accent' }),
        ]
  const lower = [
    textAt(LEFT, LOWER.top - 12, 'measured − floor, ms', { look: 'small soft' }),
    ...aboveTicks.map(
      (tick) =>
        markup`${lineAt(tick === 0 ? 'axis' : 'grid', LEFT, lowerY(tick), LEFT + plotWidth, lowerY(tick))}${textAt(LEFT - 8, lowerY(tick) + 4, String(tick), { look: 'end small soft' })}`,
    ),
    ...ticks.map((tick) => textAt(xOf(tick), LOWER.top + LOWER.height + 16, String(tick), { look: 'mid small soft' })),
    textAt(LEFT + plotWidth / 2, LOWER.top + LOWER.height + 34, 'calibrated floor, ms', { look: 'mid small soft' }),
    ...goal(OVER_FLOOR_P50_MS_MAX, `goal p50 +${OVER_FLOOR_P50_MS_MAX}`),
    ...goal(OVER_FLOOR_P99_MS_MAX, `goal p99 +${OVER_FLOOR_P99_MS_MAX}`),
    ...cells.map((cell) => lowerMark(cell, xOf(cell.floorMs), lowerY, aboveMax)),
  ]
  const keyY = LOWER.top + LOWER.height + 56
  const key = markup`<circle class="meridian part" cx="${LEFT + 6}" cy="${keyY}" r="5"/>${textAt(LEFT + 18, keyY + 4, 'ours, p50', { look: 'small' })}${lineAt('stem', LEFT + 110, keyY - 7, LEFT + 110, keyY + 7)}${lineAt('stem', LEFT + 105, keyY - 7, LEFT + 115, keyY - 7)}${textAt(LEFT + 122, keyY + 4, 'up to ours, p99', { look: 'small' })}<circle class="ring" cx="${LEFT + 240}" cy="${keyY}" r="4"/>${textAt(LEFT + 252, keyY + 4, 'raw etcd, p50', { look: 'small' })}`
  const overs = cells.map((cell) => cell.oursP50Ms - cell.floorMs)
  return picture(
    {
      id,
      title: 'Measured against floor',
      description:
        cells.length === 0
          ? 'No cell can be used.'
          : `Medians lie ${ms(Math.min(...overs))} to ${ms(Math.max(...overs))} ms above their floors.`,
      width: WIDTH,
      height: keyY + 18,
    },
    [...upper, ...lower, key],
  )
}

const hintOf = (cell: UsableCell): string =>
  `leader ${cell.leaderRegion}, client ${cell.clientRegion}: floor ${ms(cell.floorMs)} ms, p50 ${ms(cell.oursP50Ms)} ms, p99 ${ms(cell.oursP99Ms)} ms, raw etcd ${ms(cell.rawP50Ms)} ms`

function lowerMark(cell: UsableCell, x: number, yOf: (value: number) => number, max: number): Markup {
  const p50 = cell.oursP50Ms - cell.floorMs
  const p99 = cell.oursP99Ms === null ? null : cell.oursP99Ms - cell.floorMs
  const raw = cell.rawP50Ms === null ? null : cell.rawP50Ms - cell.floorMs
  const tail =
    p99 === null
      ? null
      : markup`${lineAt('stem', x, yOf(p50), x, yOf(p99))}${p99 > max ? markup`<path class="meridian" d="M${px(x - 4)} ${px(yOf(max) + 2)}h8l-4 -8z"/>` : lineAt('stem', x - 5, yOf(p99), x + 5, yOf(p99))}`
  return markup`<g><title>${hintOf(cell)}</title>${tail}<circle class="meridian part" cx="${px(x)}" cy="${px(yOf(p50))}" r="5"/>${raw === null ? null : markup`<circle class="ring" cx="${px(x)}" cy="${px(yOf(raw))}" r="4"/>`}</g>`
}
