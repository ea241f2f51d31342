import { markup } from './markup.ts'
import type { Markup } from './markup.ts'
import { decades, shortMs } from './numbers.ts'
import { lineAt, picture, rectAt, shortened, textAt } from './picture.ts'
import type { CellLine, RegionPlace } from './report-input.ts'
import { isUsable } from './tax-matrix.ts'

/** The same change of leader, done in the region's own etcd and in one etcd stretched over all regions. */
export interface HierarchyGain {
  readonly region: RegionPlace
  readonly regionalMs: number
  /** With the stretched etcd's leader where it is best for all clients together: the flat design at its best. */
  readonly flatMs: number
  /** With its leader where it is worst for this region. */
  readonly flatWorstMs: number
  readonly gain: number
}

/** @param leader the place the flat design is given; regions without both usable cells there are left out */
export function hierarchyGains(
  lines: readonly CellLine[],
  regions: readonly RegionPlace[],
  leader: string,
  operations: { readonly regional: string; readonly flat: string },
): readonly HierarchyGain[] {
  const find = (operation: string, client: string) =>
    lines.filter((line) => line.operation === operation && line.clientRegion === client).filter(isUsable)
  return regions.flatMap((region) => {
    const flat = find(operations.flat, region.id)
    const regional = find(operations.regional, region.id)
    const flatAt = flat.find((line) => line.leaderRegion === leader)
    // The regional change does not see the global leader: the cell beside the flat one is preferred, any will do.
    const regionalAt = regional.find((line) => line.leaderRegion === leader) ?? regional[0]
    if (flatAt === undefined || regionalAt === undefined || regionalAt.oursP50Ms <= 0) return []
    return [
      {
        region,
        regionalMs: regionalAt.oursP50Ms,
        flatMs: flatAt.oursP50Ms,
        flatWorstMs: Math.max(...flat.map((line) => line.oursP50Ms)),
        gain: flatAt.oursP50Ms / regionalAt.oursP50Ms,
      },
    ]
  })
}

const WIDTH = 860
const LABEL_WIDTH = 124
const PLOT_WIDTH = 600

export function hierarchyPanel(gains: readonly HierarchyGain[], id: string): Markup {
  const all = gains.flatMap((gain) => [gain.regionalMs, gain.flatMs, gain.flatWorstMs])
  const ticks = decades(Math.min(...all), Math.max(...all))
  const [from, to] = [Math.log10(ticks[0] ?? 1), Math.log10(ticks.at(-1) ?? 10)]
  const xOf = (value: number): number => LABEL_WIDTH + ((Math.log10(value) - from) / (to - from)) * PLOT_WIDTH
  const top = 56
  const pitch = 58
  const bottom = top + gains.length * pitch
  const rows = gains.map((gain, index) => {
    const y = top + index * pitch + 6
    const regional = { x: LABEL_WIDTH, y, width: Math.max(1, xOf(gain.regionalMs) - LABEL_WIDTH), height: 18 }
    const flat = { x: LABEL_WIDTH, y: y + 21, width: xOf(gain.flatMs) - LABEL_WIDTH, height: 18 }
    return markup`${textAt(LABEL_WIDTH - 10, y + 18, shortened(gain.region.displayName, 16), { look: 'end bold' })}${textAt(LABEL_WIDTH - 10, y + 33, shortened(gain.region.id, 17), { look: 'end small soft' })}${rectAt('meridian', regional, `regional: ${shortMs(gain.regionalMs)} ms`)}${textAt(regional.x + regional.width + 6, y + 13, `${shortMs(gain.regionalMs)} ms`, { look: 'halo' })}${rectAt('path', flat, `flat: ${shortMs(gain.flatMs)} ms`)}${lineAt('axis', xOf(gain.flatMs), y + 30, xOf(gain.flatWorstMs), y + 30)}${lineAt('axis', xOf(gain.flatWorstMs), y + 25, xOf(gain.flatWorstMs), y + 35)}${textAt(LABEL_WIDTH + 8, y + 34, `${shortMs(gain.flatMs)} ms`)}${textAt(LABEL_WIDTH + PLOT_WIDTH + 46, y + 26, `${gain.gain.toFixed(0)} ×`, { look: 'big accent' })}`
  })
  return picture(
    {
      id,
      title: 'A change of leader inside a region against the same change in a stretched etcd',
      description: `Logarithmic bars, each gridline ten times the one before. ${gains.map((gain) => `${gain.region.displayName}: ${shortMs(gain.regionalMs)} ms against ${shortMs(gain.flatMs)} ms, ${gain.gain.toFixed(0)} times`).join('; ')}.`,
      width: WIDTH,
      height: bottom + 6,
    },
    [
      rectAt('meridian', { x: 0, y: 2, width: 14, height: 12 }),
      textAt(19, 12, 'in the region'),
      rectAt('path', { x: 124, y: 2, width: 14, height: 12 }),
      textAt(143, 12, 'in the flat, stretched etcd, its leader placed best (whisker: placed worst)'),
      textAt(LABEL_WIDTH + PLOT_WIDTH + 46, top - 12, 'cheaper by', { look: 'small soft' }),
      ...ticks.map(
        (tick) =>
          markup`${lineAt('grid', xOf(tick), top - 6, xOf(tick), bottom)}${textAt(xOf(tick), top - 12, `${tick} ms`, { look: 'mid small soft' })}`,
      ),
      ...rows,
    ],
  )
}
