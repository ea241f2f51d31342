import { BREAKDOWN_PARTS } from './breakdown.ts'
import type { Breakdown, BreakdownPart } from './breakdown.ts'
import { markup } from './markup.ts'
import type { Markup } from './markup.ts'
import { axisTicks, ms, shortMs } from './numbers.ts'
import { lineAt, picture, rectAt, shortened, textAt } from './picture.ts'

export interface BrokenDownCell {
  readonly leader: string
  readonly client: string
  readonly breakdown: Breakdown
}

export const PART_TITLES: Readonly<Record<BreakdownPart, string>> = {
  light: 'light in fibre',
  path: 'path',
  fsync: 'fsync',
  etcd: 'etcd',
  meridian: 'Meridian',
  emulation: 'emulation',
}

const WIDTH = 1000
const LABEL_WIDTH = 168
const WHOLE = { x: LABEL_WIDTH, width: 430 }
const ZOOM = { x: LABEL_WIDTH + 430 + 64, width: 270 }
const BAR = 16
const PITCH = 23
const ABOVE_PATH = BREAKDOWN_PARTS.filter((part) => part !== 'light' && part !== 'path')

/**
 * Two scales side by side, because both truths matter: in the whole, distance is nearly everything; beside it, what is
 * not distance, magnified.
 */
export function stackedBars(cells: readonly BrokenDownCell[], id: string): Markup {
  const headHeight = 62
  const groups = [...new Set(cells.map((cell) => cell.leader))]
  const wholeTicks = axisTicks(Math.max(1, ...cells.map(({ breakdown }) => sum(breakdown, BREAKDOWN_PARTS))), 5)
  const zoomTicks = axisTicks(Math.max(0.5, ...cells.map(({ breakdown }) => sum(breakdown, ABOVE_PATH))), 4)
  const wholeScale = WHOLE.width / (wholeTicks.at(-1) ?? 1)
  const zoomScale = ZOOM.width / (zoomTicks.at(-1) ?? 1)
  const rows: Markup[] = []
  let y = headHeight
  for (const leader of groups) {
    rows.push(textAt(0, y + 13, `leader in ${shortened(leader, 40)}`, { look: 'bold' }))
    y += PITCH
    for (const cell of cells.filter((each) => each.leader === leader)) {
      const { breakdown } = cell
      const mark = breakdown.clamped.length === 0 ? '' : ' †'
      rows.push(
        textAt(LABEL_WIDTH - 10, y + 12, shortened(cell.client, 20), { look: 'end' }),
        stack(cell, BREAKDOWN_PARTS, WHOLE.x, y, wholeScale),
        textAt(WHOLE.x + sum(breakdown, BREAKDOWN_PARTS) * wholeScale + 6, y + 12, `${ms(breakdown.totalMs)}${mark}`, {
          look: 'small soft',
        }),
        stack(cell, ABOVE_PATH, ZOOM.x, y, zoomScale),
        textAt(ZOOM.x + sum(breakdown, ABOVE_PATH) * zoomScale + 6, y + 12, `+${shortMs(sum(breakdown, ABOVE_PATH))}`, {
          look: 'small soft',
        }),
      )
      y += PITCH
    }
    y += 8
  }
  const grid = (ticks: readonly number[], x: number, scale: number): readonly Markup[] =>
    ticks.map(
      (tick) =>
        markup`${lineAt('grid', x + tick * scale, headHeight - 6, x + tick * scale, y)}${textAt(x + tick * scale, headHeight - 12, String(tick), { look: 'mid small soft' })}`,
    )
  let keyX = 0
  const key = BREAKDOWN_PARTS.map((part) => {
    const at = keyX
    keyX += 36 + PART_TITLES[part].length * 6.5
    return markup`${swatch(part, { x: at, y: 2, width: 14, height: 12 }, id, null)}${textAt(at + 19, 12, PART_TITLES[part])}`
  })
  function stack(cell: BrokenDownCell, parts: readonly BreakdownPart[], x: number, top: number, scale: number): Markup {
    let at = x
    const boxes = parts.map((part) => {
      const width = cell.breakdown.partsMs[part] * scale
      const box = { x: at, y: top, width, height: BAR }
      at += width
      return width <= 0.05
        ? null
        : swatch(part, box, id, `${PART_TITLES[part]}: ${ms(cell.breakdown.partsMs[part], 2)} ms`)
    })
    return markup`${boxes}`
  }
  return picture(
    {
      id,
      title: 'Where the time of each median goes',
      description:
        'One bar per leader place and client region: light, path, fsync, etcd, Meridian and emulation, in ms.',
      width: WIDTH,
      height: y + 4,
    },
    [
      markup`<defs><pattern id="${id}-emulation" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="surface" width="5" height="5"/><rect class="emulation" width="2.6" height="5"/></pattern></defs>`,
      ...key,
      textAt(WHOLE.x, headHeight - 28, 'the whole, ms', { look: 'small bold' }),
      textAt(ZOOM.x, headHeight - 28, 'without light and path, ms', { look: 'small bold' }),
      ...grid(wholeTicks, WHOLE.x, wholeScale),
      ...grid(zoomTicks, ZOOM.x, zoomScale),
      ...rows,
    ],
  )
}

const sum = (breakdown: Breakdown, parts: readonly BreakdownPart[]): number =>
  parts.reduce((total, part) => total + breakdown.partsMs[part], 0)

const swatch = (part: BreakdownPart, box: Parameters<typeof rectAt>[1], id: string, hint: string | null): Markup =>
  part === 'emulation' ? rectAt('part', box, hint, `fill:url(#${id}-emulation)`) : rectAt(`part ${part}`, box, hint)
