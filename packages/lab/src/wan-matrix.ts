import { readFile } from 'node:fs/promises'

import { parseYaml } from '@meridian/deploy'
import type { Problem } from '@meridian/deploy'
import { fibreFloorRttMs } from '@meridian/tax'
import type { Coordinates } from '@meridian/tax'
import { MeridianError, regionId } from '@meridian/topology'
import { z } from 'zod'

export interface WanRegion {
  readonly id: string
  readonly displayName: string
  /** The provider's name of the place, for example `eu-west-1`. */
  readonly provider: string
  /** Absent, with the longitude, where only round trips are known. */
  readonly latitude: number | undefined
  readonly longitude: number | undefined
}

/** Round trips between the regions of a world: complete, symmetric, positive. The order of `regions` counts. */
export class WanMatrix {
  readonly name: string
  readonly regions: readonly WanRegion[]
  readonly #rtts: ReadonlyMap<string, number>

  constructor(name: string, regions: readonly WanRegion[], rtts: ReadonlyMap<string, number>) {
    this.name = name
    this.regions = regions
    this.#rtts = rtts
  }

  get regionIds(): readonly string[] {
    return this.regions.map((region) => region.id)
  }

  /** @throws MeridianError REGION_UNKNOWN. */
  region(id: string): WanRegion {
    const found = this.regions.find((region) => region.id === id)
    if (found === undefined) {
      const known = this.regionIds.join(', ')
      throw new MeridianError(
        'REGION_UNKNOWN',
        `region ${JSON.stringify(id)} is not in the WAN matrix ${this.name}: ${known}`,
      )
    }
    return found
  }

  /** Round trip as measured in the world, ms; 0 for a region and itself. Bound, so that it can be handed on. */
  readonly rttMs = (a: string, b: string): number => {
    const [from, to] = [this.region(a), this.region(b)]
    return from === to ? 0 : rttOf(this.#rtts, a, b)
  }

  /**
   * Round trip as the lab sets it, ms: whole milliseconds, because Toxiproxy knows no smaller ones. Up to 0.5 ms from
   * `rttMs`, so what is measured in the lab is to be compared with this one or with calibrated values.
   */
  readonly emulatedRttMs = (a: string, b: string): number => Math.round(this.rttMs(a, b))

  /**
   * Delay, whole ms, of what travels from `source` to `target`, whoever dialled. Both ways add up to `emulatedRttMs`; of an
   * odd one the direction towards the later region of the list has the extra millisecond.
   */
  oneWayMs(source: string, target: string): number {
    const rtt = this.emulatedRttMs(source, target)
    const outwards = this.regionIds.indexOf(source) < this.regionIds.indexOf(target)
    return outwards ? Math.ceil(rtt / 2) : Math.floor(rtt / 2)
  }

  /** The round trip, ms, of fibre along the great circle; undefined where a place is not known. */
  fibreFloorMs(a: string, b: string): number | undefined {
    const [from, to] = [placeOf(this.region(a)), placeOf(this.region(b))]
    return from === undefined || to === undefined ? undefined : fibreFloorRttMs(from, to)
  }

  /** The world of the first `count` regions. */
  first(count: number): WanMatrix {
    if (!Number.isInteger(count) || count < 1 || count > this.regions.length) {
      throw new MeridianError(
        'INVALID_ARGUMENT',
        `the WAN matrix ${this.name} has 1 to ${this.regions.length} regions, not ${count}`,
      )
    }
    return new WanMatrix(this.name, this.regions.slice(0, count), this.#rtts)
  }

  /** The world of these regions, in this order. @throws MeridianError REGION_UNKNOWN, INVALID_ARGUMENT for one twice */
  only(ids: readonly string[]): WanMatrix {
    const twice = ids.find((id, index) => ids.indexOf(id) < index)
    if (twice !== undefined) throw new MeridianError('INVALID_ARGUMENT', `region ${twice} is named twice`)
    return new WanMatrix(
      this.name,
      ids.map((id) => this.region(id)),
      this.#rtts,
    )
  }
}

function placeOf({ latitude, longitude }: WanRegion): Coordinates | undefined {
  return latitude === undefined || longitude === undefined ? undefined : { latitude, longitude }
}

const pairKey = (a: string, b: string): string => (a < b ? `${a} ${b}` : `${b} ${a}`)

function rttOf(rtts: ReadonlyMap<string, number>, a: string, b: string): number {
  const rtt = rtts.get(pairKey(a, b))
  if (rtt === undefined) throw new Error(`assertion: no round trip of ${a} and ${b}`)
  return rtt
}

/** Half the circumference of the earth in fibre is 196 ms; nothing on it is 2 s away, and Raft timers assume so. */
const RTT_MS_MAX = 2_000

const regionName = z
  .string()
  .refine(isRegionId, 'not a region id: lower-case letters, digits and "-", a letter first, at most 32')

const schema = z.strictObject({
  name: z.string().min(1).max(32),
  regions: z
    .array(
      z.strictObject({
        id: regionName,
        displayName: z.string().min(1).max(64).optional(),
        provider: z.string().min(1).max(64).optional(),
        latitude: z.number().min(-90).max(90).optional(),
        longitude: z.number().min(-180).max(180).optional(),
      }),
    )
    .min(1)
    .max(16),
  rttMs: z.record(z.string(), z.record(z.string(), z.number().positive().max(RTT_MS_MAX))),
})

function isRegionId(text: string): boolean {
  try {
    regionId(text)
    return true
  } catch {
    // The constructor's refusal is the answer; its text lacks the place in the file.
    return false
  }
}

/** @throws MeridianError CONFIG_INVALID, one `file:line:col path: what` per fault. */
export function parseWanMatrix(text: string, file: string): WanMatrix {
  const { name, regions, rttMs } = parseYaml(schema, text, file, (raw) => {
    const parsed = schema.safeParse(raw)
    return parsed.success ? matrixProblems(parsed.data) : []
  })
  const rtts = Object.entries(rttMs).flatMap(([a, row]) =>
    Object.entries(row).map(([b, rtt]) => [pairKey(a, b), rtt] as const),
  )
  const places = regions.map(({ id, displayName = id, provider = id, latitude, longitude }) => ({
    id,
    displayName,
    provider,
    latitude,
    longitude,
  }))
  return new WanMatrix(name, places, new Map(rtts))
}

/** What is wrong between parts each of which is fine by itself. */
function matrixProblems({ regions, rttMs }: z.output<typeof schema>): Problem[] {
  const ids = regions.map((region) => region.id)
  const problems: Problem[] = []
  ids.forEach((id, index) => {
    if (ids.indexOf(id) < index)
      problems.push({ path: ['regions', index, 'id'], message: `region ${id} is listed twice` })
  })
  regions.forEach(({ latitude, longitude }, index) => {
    if ((latitude === undefined) !== (longitude === undefined)) {
      problems.push({ path: ['regions', index], message: 'a place has both latitude and longitude, or neither' })
    }
  })

  const given = new Set<string>()
  for (const [a, row] of Object.entries(rttMs)) {
    if (!ids.includes(a)) problems.push({ path: ['rttMs'], key: a, message: 'unknown region' })
    for (const b of Object.keys(row)) {
      const path = ['rttMs', a]
      if (!ids.includes(b)) problems.push({ path, key: b, message: 'unknown region' })
      else if (a === b) problems.push({ path, key: b, message: `the round trip of ${a} to itself is not to be given` })
      else if (given.has(pairKey(a, b))) problems.push({ path, key: b, message: `the pair ${a}, ${b} is given twice` })
      given.add(pairKey(a, b))
    }
  }
  for (const [index, a] of ids.entries()) {
    for (const b of ids.slice(index + 1)) {
      if (a !== b && !given.has(pairKey(a, b)))
        problems.push({ path: ['rttMs', a], message: `the round trip of ${a} and ${b} is missing` })
    }
  }
  return problems
}

/** @throws MeridianError CONFIG_INVALID: unreadable, or as `parseWanMatrix` says. */
export async function loadWanMatrix(path: string): Promise<WanMatrix> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw new MeridianError('CONFIG_INVALID', `${path}: cannot be read`, { details: { file: path }, cause })
  }
  return parseWanMatrix(text, path)
}
