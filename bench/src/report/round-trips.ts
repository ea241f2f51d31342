import { fibreFloorRttMs, floorWithout } from '@meridian/tax'
import type { RttLookup } from '@meridian/tax'
import { mean } from './numbers.ts'
import type { CalibratedLink, RunHeader } from './report-input.ts'

/** Round trips between every two regions, ms; null where one of them is unknown, because a floor needs all. */
export interface RoundTrips {
  readonly measured: RttLookup | null
  readonly nominal: RttLookup | null
  /** Fibre along the great circle. */
  readonly fibre: RttLookup | null
}

const pairKey = (a: string, b: string): string => JSON.stringify(a < b ? [a, b] : [b, a])

/** Mean of both directions of an unordered pair, or null. */
export function linkMs(
  calibration: readonly CalibratedLink[],
  a: string,
  b: string,
  of: (link: CalibratedLink) => number,
): number | null {
  const own = calibration.filter((link) => pairKey(link.source, link.target) === pairKey(a, b))
  return own.length === 0 ? null : mean(own.map(of))
}

export const regionPairs = <T>(regions: readonly T[]): readonly (readonly [T, T])[] =>
  regions.flatMap((a, index) => regions.slice(index + 1).map((b) => [a, b] as const))

export function roundTrips(run: RunHeader): RoundTrips {
  const complete = (rttOf: (a: RunHeader['regions'][number], b: RunHeader['regions'][number]) => number | null) => {
    const table = new Map<string, number>()
    for (const [a, b] of regionPairs(run.regions)) {
      const rtt = rttOf(a, b)
      if (rtt === null) return null
      table.set(pairKey(a.id, b.id), rtt)
    }
    const lookup: RttLookup = (a, b) => {
      const rtt = a === b ? 0 : table.get(pairKey(a, b))
      if (rtt === undefined) throw new Error(`assertion: no round trip between ${a} and ${b}`)
      return rtt
    }
    return lookup
  }
  return {
    measured: complete((a, b) => linkMs(run.calibration, a.id, b.id, (link) => link.measuredMs)),
    nominal: complete((a, b) => linkMs(run.calibration, a.id, b.id, (link) => link.nominalMs)),
    fibre: complete((a, b) =>
      a.latitude === null || a.longitude === null || b.latitude === null || b.longitude === null
        ? null
        : fibreFloorRttMs(
            { latitude: a.latitude, longitude: a.longitude },
            { latitude: b.latitude, longitude: b.longitude },
          ),
    ),
  }
}

export interface RegionLoss {
  readonly lost: string
  /** Where the leader then costs the survivors least. */
  readonly bestLeader: string
  readonly bestMeanMs: number
  /** Mean of the same clients while everybody lives, with the leader placed best for them. */
  readonly wholeMeanMs: number
}

/**
 * How the floor moves when one voter dies: the majority stays the same number, so a farther voter must answer. Computed
 * from calibrated round trips, not measured.
 */
export function regionLosses(regions: readonly string[], rtt: RttLookup): readonly RegionLoss[] {
  const best = (clients: readonly string[], down: readonly string[]) =>
    clients
      .flatMap((leader) => {
        const floorsMs = clients.map((client) => floorWithout(down, client, leader, regions, rtt))
        return floorsMs.some((floorMs) => floorMs === undefined)
          ? []
          : [{ leader, meanMs: mean(floorsMs.filter((floorMs) => floorMs !== undefined)) }]
      })
      .toSorted((a, b) => a.meanMs - b.meanMs)[0]
  return regions.flatMap((lost) => {
    const survivors = regions.filter((region) => region !== lost)
    const [after, whole] = [best(survivors, [lost]), best(survivors, [])]
    // Of two regions neither may be lost: nothing commits then, and no floor says so.
    if (after === undefined || whole === undefined) return []
    return [{ lost, bestLeader: after.leader, bestMeanMs: after.meanMs, wholeMeanMs: whole.meanMs }]
  })
}
