import { createRequire } from 'node:module'
import { geoInterpolate, geoNaturalEarth1, geoPath } from 'd3-geo'
import type { GeoProjection } from 'd3-geo'
import { feature } from 'topojson-client'
import { markup } from './markup.ts'
import type { Markup } from './markup.ts'
import { ms, px } from './numbers.ts'
import { picture, shortened, textAt, textWidth } from './picture.ts'
import type { Box } from './picture.ts'
import type { RegionPlace } from './report-input.ts'
import { regionPairs } from './round-trips.ts'

type Land = Parameters<typeof feature>[0]
type Point = readonly [number, number]

// An import would make the compiler read the whole file for its type; the shape is that of every TopoJSON topology.
const LAND = createRequire(import.meta.url)('world-atlas/land-110m.json') as Land

export interface MapRegion {
  readonly place: RegionPlace
  /** Mean over all clients with the leader here; null where the row is incomplete. */
  readonly costMs: number | null
}

export interface MapOptions {
  readonly id: string
  readonly regions: readonly MapRegion[]
  /** Calibrated round trip of a link, or null. */
  readonly rttMs: (a: string, b: string) => number | null
  readonly bestLeader: string | null
}

const WIDTH = 1000
const SAMPLES = 48
/** Degrees north where the map ends, unless a region lies beyond. */
const NORTH_MIN = 83
/** Degrees east. Cut in the Pacific, as people know the world, or in the Atlantic, where that spares at least two links more. */
const CENTRES = [11, 150] as const

interface Located extends MapRegion {
  readonly at: [number, number]
}

const located = (regions: readonly MapRegion[]): readonly Located[] =>
  regions.flatMap((region) => {
    const { latitude, longitude } = region.place
    return latitude === null || longitude === null ? [] : [{ ...region, at: [longitude, latitude] as [number, number] }]
  })

export const canMap = (regions: readonly RegionPlace[]): boolean =>
  regions.length > 0 && regions.every((region) => region.latitude !== null && region.longitude !== null)

export function worldMap({ id, regions: given, rttMs, bestLeader }: MapOptions): Markup {
  const regions = located(given)
  const pairs = regionPairs(regions)
  const [usual, unusual] = CENTRES
  const centre = cutLinks(pairs, usual) - cutLinks(pairs, unusual) >= 2 ? unusual : usual
  const projection = geoNaturalEarth1().rotate([-centre, 0]).fitWidth(WIDTH, { type: 'Sphere' })
  const south = Math.min(-38, ...regions.map((region) => region.at[1] - 12))
  const north = Math.max(NORTH_MIN, ...regions.map((region) => region.at[1] + 6))
  const top = yOf(projection, centre, north)
  const height = yOf(projection, centre, south) - top
  projection.translate([projection.translate()[0], projection.translate()[1] - top])
  const path = geoPath(projection).digits(1)
  const point = (at: Point): Point => projection([at[0], at[1]]) ?? [0, 0]

  const costs = regions.flatMap((region) => (region.costMs === null ? [] : [region.costMs]))
  // Area, not radius, carries the cost: twice the ink is twice the price.
  const radius = (costMs: number | null): number =>
    costMs === null ? 4 : Math.max(4, 17 * Math.sqrt(costMs / Math.max(...costs)))
  const taken: Box[] = regions.map((region) => {
    const [x, y] = point(region.at)
    const r = radius(region.costMs) + 2
    return { x: x - r, y: y - r, width: 2 * r, height: 2 * r }
  })

  const names = regions.map((region) => {
    const [x, y] = point(region.at)
    const r = radius(region.costMs)
    const name = shortened(region.place.displayName, 22)
    const below = region.costMs === null ? 'not ranked' : `mean ${ms(region.costMs)} ms`
    const width = Math.max(textWidth(name), textWidth(below, 11)) + 4
    const offers = [
      { box: { x: x + r + 5, y: y - 14, width, height: 29 }, look: '' },
      { box: { x: x - r - 5 - width, y: y - 14, width, height: 29 }, look: ' end' },
      { box: { x: x - width / 2, y: y + r + 3, width, height: 29 }, look: ' mid' },
      { box: { x: x - width / 2, y: y - r - 33, width, height: 29 }, look: ' mid' },
    ]
    const chosen = offers.find(({ box }) => fits(box, taken, height)) ?? offers[0]
    if (chosen === undefined) throw new Error('assertion: a label has no place at all')
    taken.push(chosen.box)
    const anchor = chosen.look === '' ? chosen.box.x : chosen.look === ' end' ? chosen.box.x + width : x
    const accent = region.place.id === bestLeader ? ' accent' : ''
    return markup`${textAt(anchor, chosen.box.y + 11, name, { look: `bold halo${chosen.look}${accent}` })}${textAt(anchor, chosen.box.y + 25, below, { look: `small halo soft${chosen.look}` })}`
  })

  const links = pairs.map(([a, b]) => {
    const rtt = rttMs(a.place.id, b.place.id)
    const shape = path({ type: 'LineString', coordinates: [a.at, b.at] }) ?? ''
    const look = a.place.id === bestLeader || b.place.id === bestLeader ? 'link-best' : 'link'
    return markup`<path class="${look}" d="${shape}"><title>${a.place.displayName} – ${b.place.displayName}: ${ms(rtt)} ms</title></path>`
  })
  const labels = pairs.map(([a, b]) => {
    const rtt = rttMs(a.place.id, b.place.id)
    if (rtt === null) return null
    const text = rtt < 10 ? ms(rtt) : ms(rtt, 0)
    const width = textWidth(text, 12) + 6
    const along = geoInterpolate(a.at, b.at)
    const boxes = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74].map((share) => {
      const [x, y] = point(along(share))
      return { x: x - width / 2, y: y - 8, width, height: 16 }
    })
    const box = boxes.find((each) => fits(each, taken, height)) ?? boxes[0]
    if (box === undefined) return null
    taken.push(box)
    return textAt(box.x + width / 2, box.y + 12, text, { look: 'mid halo bold', style: 'font-size:12px' })
  })
  const dots = regions.map((region) => {
    const [x, y] = point(region.at)
    const look = region.place.id === bestLeader ? 'dot-best' : 'dot'
    return markup`<circle class="${look}" cx="${px(x)}" cy="${px(y)}" r="${px(radius(region.costMs))}"><title>${region.place.displayName}: as leader ${ms(region.costMs)} ms in the mean</title></circle>`
  })
  return picture(
    {
      id,
      title: 'Regions and calibrated round trips',
      description: `World map. ${pairs.map(([a, b]) => `${a.place.displayName} to ${b.place.displayName} ${ms(rttMs(a.place.id, b.place.id))} ms`).join('; ')}.`,
      width: WIDTH,
      height,
    },
    [
      markup`<path class="grid" d="${path({ type: 'Sphere' }) ?? ''}"/><path class="land" d="${path(feature(LAND, 'land')) ?? ''}"/>`,
      ...links,
      ...dots,
      ...labels.filter((label) => label !== null),
      ...names,
    ],
  )
}

const yOf = (projection: GeoProjection, longitude: number, latitude: number): number =>
  projection([longitude, latitude])?.[1] ?? 0

/** Whether a link leaves at the top of the map: on a map that shows the pole as a line it would run along the edge. */
export const crossesPole = (regions: readonly RegionPlace[]): boolean =>
  regionPairs(located(regions.map((place) => ({ place, costMs: null })))).some(
    ([a, b]) => northmost(a.at, b.at) > NORTH_MIN,
  )

const northmost = (a: [number, number], b: [number, number]): number => {
  const along = geoInterpolate(a, b)
  return Math.max(...Array.from({ length: SAMPLES + 1 }, (_, index) => along(index / SAMPLES)[1]))
}

/** How many links run off one edge of the map and come back at the other. */
function cutLinks(pairs: readonly (readonly [Located, Located])[], centre: number): number {
  return pairs.filter(([a, b]) => {
    const along = geoInterpolate(a.at, b.at)
    const xs = Array.from({ length: SAMPLES + 1 }, (_, index) => (along(index / SAMPLES)[0] - centre + 540) % 360)
    return xs.some((x, index) => Math.abs(x - (xs[index - 1] ?? x)) > 180)
  }).length
}

const fits = (box: Box, taken: readonly Box[], height: number): boolean =>
  box.x >= 2 &&
  box.x + box.width <= WIDTH - 2 &&
  box.y >= 2 &&
  box.y + box.height <= height - 2 &&
  taken.every(
    (other) =>
      box.x + box.width <= other.x ||
      other.x + other.width <= box.x ||
      box.y + box.height <= other.y ||
      other.y + other.height <= box.y,
  )
