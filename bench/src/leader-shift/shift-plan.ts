import { commitFloorMs } from '@meridian/tax'
import type { RttLookup } from '@meridian/tax'
import { MeridianError } from '@meridian/topology'

/** From where commits are asked for first and then, and which leader is the cheapest for each. */
export interface ShiftPlan {
  readonly source: string
  readonly target: string
  readonly leaderBefore: string
  readonly leaderAfter: string
}

/**
 * The shift that gives a move the most to save: from one client region alone to another alone.
 *
 * @throws MeridianError INVALID_ARGUMENT when every region is best served by one and the same leader
 */
export function shiftPlan(regions: readonly string[], rtt: RttLookup): ShiftPlan {
  const floor = (client: string, leader: string) => commitFloorMs(client, leader, regions, rtt)
  const best = (client: string): string =>
    regions.reduce((least, leader) => (floor(client, leader) < floor(client, least) ? leader : least))
  const shifts = regions.flatMap((source) =>
    regions.map((target) => {
      const [leaderBefore, leaderAfter] = [best(source), best(target)]
      const savedMs = floor(target, leaderBefore) - floor(target, leaderAfter)
      return { savedMs, plan: { source, target, leaderBefore, leaderAfter } }
    }),
  )
  const [most] = shifts.toSorted((a, b) => b.savedMs - a.savedMs)
  if (most === undefined || most.savedMs <= 0) {
    throw new MeridianError(
      'INVALID_ARGUMENT',
      'one place of the leader is the cheapest for every region: nothing shifts',
    )
  }
  return most.plan
}
