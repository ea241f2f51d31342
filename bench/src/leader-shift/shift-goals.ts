import type { MoveLine, PhaseLine, ShiftGoal } from './shift-lines.ts'

/** How far the measured mean may lie from the prediction: a share of it and a part in ms, together. */
export const PREDICTION_SHARE_MAX = 0.02
export const PREDICTION_MS_MAX = 1
/** What a move may cost, in round trips between the old leader and the new one. */
export const MOVE_RTTS_MAX = 4

export const predictionBoundMs = (predictedMs: number): number => PREDICTION_SHARE_MAX * predictedMs + PREDICTION_MS_MAX

export interface Shifted {
  readonly phases: readonly PhaseLine[]
  readonly moves: readonly MoveLine[]
  /** Of the whole run, by client. */
  readonly failures: readonly string[]
  /** Why nothing of it must be used, or null. */
  readonly rejected: string | null
}

/** The goals, each met or not, with the figures that say so. */
export function shiftGoals({ phases, moves, failures, rejected }: Shifted): readonly ShiftGoal[] {
  const judge = (goal: string, met: boolean | undefined, reason: string): ShiftGoal => ({
    kind: 'goal',
    goal,
    verdict: rejected !== null ? 'rejected' : met === true ? 'met' : 'not met',
    reason,
  })
  const after = phases.find(({ phase }) => phase === 'after')
  const dearest = moves.toSorted((a, b) => b.gapRtts - a.gapRtts)[0]
  const [failure] = failures
  return [
    judge(
      `after the shift the mean is within ${PREDICTION_SHARE_MAX * 100} % + ${PREDICTION_MS_MAX} ms of the prediction`,
      after?.within,
      after === undefined
        ? 'the leader did not move to where it is cheapest'
        : `mean ${ms(after.meanMs)}, predicted ${ms(after.predictedMs)}: ${signed(after.meanMs - after.predictedMs)}, allowed ${ms(predictionBoundMs(after.predictedMs))}`,
    ),
    judge(
      `a move costs at most ${MOVE_RTTS_MAX} round trips`,
      dearest === undefined ? undefined : dearest.gapRtts <= MOVE_RTTS_MAX,
      dearest === undefined
        ? 'there was no move'
        : `nothing was answered for ${ms(dearest.largestGapMs)} of ${dearest.source} -> ${dearest.target}: ${dearest.gapRtts.toFixed(1)} round trips of ${ms(dearest.rttMs)}`,
    ),
    judge(
      'no request fails',
      failures.length === 0,
      failure === undefined ? 'none failed' : `${failures.length} failed, the first: ${failure}`,
    ),
  ]
}

const ms = (value: number): string => `${value.toFixed(1)} ms`
const signed = (value: number): string => `${value < 0 ? '-' : '+'}${ms(Math.abs(value))}`
