import { commitFloorMs } from '@meridian/tax'
import type { CellLine, MachineFacts, RegionPlace } from './report-input.ts'
import type { RoundTrips } from './round-trips.ts'

/** In the order in which they are drawn: first what nobody can save, last what only this lab adds. */
export const BREAKDOWN_PARTS = ['light', 'path', 'fsync', 'etcd', 'meridian', 'emulation'] as const
export type BreakdownPart = (typeof BREAKDOWN_PARTS)[number]

/** Where the median of one cell went, ms. The parts add up to `totalMs` plus whatever was clamped. */
export interface Breakdown {
  readonly totalMs: number
  readonly partsMs: Readonly<Record<BreakdownPart, number>>
  /** Parts that came out below zero and are drawn as nothing; the amounts are negative. */
  readonly clamped: readonly { readonly part: BreakdownPart; readonly ms: number }[]
}

/**
 * Takes a commit's median apart by differences of the four runs of its cell:
 *
 *     light      the commit floor over fibre along great circles
 *     path       the commit floor over nominal round trips, less light
 *     emulation  calibrated floor less nominal floor, and proxies at 0 ms less no proxies
 *     fsync      one: the leader's own runs while the followers' is under way, and an answer waits for theirs
 *     etcd       what is left of the raw run
 *     meridian   ours less raw
 *
 * Medians are subtracted from medians of other samples, so a small part can come out below zero; it is then drawn as
 * zero and reported. Null unless all four runs and the floor are there. Without coordinates light is 0 and stays in
 * path; without nominal round trips path holds what the emulation adds to the links.
 */
export function breakdownOf(
  cell: CellLine,
  machine: MachineFacts,
  regions: readonly RegionPlace[],
  trips: RoundTrips,
): Breakdown | null {
  const { floorMs, directP50Ms, proxiedP50Ms, rawP50Ms, oursP50Ms } = cell
  if (floorMs === null || directP50Ms === null || proxiedP50Ms === null) return null
  if (rawP50Ms === null || oursP50Ms === null) return null
  const voters = regions.map((region) => region.id)
  const floorOver = (rtt: RoundTrips['nominal']): number | null =>
    rtt === null ? null : commitFloorMs(cell.clientRegion, cell.leaderRegion, voters, rtt)
  const nominalMs = floorOver(trips.nominal) ?? floorMs
  const lightMs = floorOver(trips.fibre) ?? 0
  const exact: Record<BreakdownPart, number> = {
    light: lightMs,
    path: nominalMs - lightMs,
    emulation: floorMs - nominalMs + (proxiedP50Ms - directP50Ms),
    fsync: machine.fsyncP50Ms,
    etcd: rawP50Ms - floorMs - (proxiedP50Ms - directP50Ms) - machine.fsyncP50Ms,
    meridian: oursP50Ms - rawP50Ms,
  }
  const partsMs = { ...exact }
  const clamped: { part: BreakdownPart; ms: number }[] = []
  for (const part of BREAKDOWN_PARTS) {
    if (exact[part] >= 0) continue
    partsMs[part] = 0
    // Less than what is printed is rounding, not a finding.
    if (exact[part] <= -0.005) clamped.push({ part, ms: exact[part] })
  }
  return { totalMs: oursP50Ms, partsMs, clamped }
}
