import type { RttLookup } from '@meridian/tax'

/** A link may move by so much between two calibrations, and by so much of itself; by either more, and a cell is void. */
export const CALIBRATION_MOVE_MS_MAX = 0.5
export const CALIBRATION_MOVE_SHARE_MAX = 0.01
/** Lateness of the driver's event loop at p99, ms. */
export const LOOP_DELAY_MS_MAX = 5

export interface LeaderView {
  readonly region: string
  /** Raft term: it also tells of a leader that went and came back. */
  readonly term: bigint
}

/** What is known of the circumstances of one cell. */
export interface CellCircumstances {
  /** Pairs of regions that the cell's floor is made of. */
  readonly links: readonly (readonly [string, string])[]
  readonly rttBefore: RttLookup
  readonly rttAfter: RttLookup
  readonly leaderBefore: LeaderView
  readonly leaderAfter: LeaderView
  readonly loopDelayP99Ms: number
  /** Per kind of operation, what went wrong. */
  readonly failures: readonly { readonly name: string; readonly count: number; readonly first: string }[]
}

/** Why a cell must not be used, every reason, or null. */
export function rejectionOf(cell: CellCircumstances): string | null {
  const reasons: string[] = []
  for (const [a, b] of cell.links) {
    const [beforeMs, afterMs] = [cell.rttBefore(a, b), cell.rttAfter(a, b)]
    const movedMs = Math.abs(afterMs - beforeMs)
    if (movedMs > CALIBRATION_MOVE_MS_MAX || movedMs > CALIBRATION_MOVE_SHARE_MAX * beforeMs) {
      reasons.push(`calibration of ${a} - ${b} moved from ${beforeMs.toFixed(2)} to ${afterMs.toFixed(2)} ms`)
    }
  }
  const { leaderBefore: before, leaderAfter: after } = cell
  if (before.region !== after.region || before.term !== after.term) {
    reasons.push(`the leader changed: ${before.region} in term ${before.term}, ${after.region} in term ${after.term}`)
  }
  if (cell.loopDelayP99Ms > LOOP_DELAY_MS_MAX) {
    reasons.push(`the driver's event loop was ${cell.loopDelayP99Ms.toFixed(1)} ms late at p99`)
  }
  for (const { name, count, first } of cell.failures) reasons.push(`${count} of ${name} failed: ${first}`)
  return reasons.length === 0 ? null : reasons.join('; ')
}

/** The links a commit with this client and leader may take: all of the leader's. */
export const linksOfCell = (leader: string, regions: readonly string[]): readonly (readonly [string, string])[] =>
  regions.filter((region) => region !== leader).map((region) => [leader, region] as const)
