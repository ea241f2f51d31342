import type { MoveLine, PhaseLine, ShiftGoal } from '../leader-shift/shift-lines.ts'
import type { ShiftResults } from '../leader-shift/parse-shift.ts'
import { ms } from '../report/numbers.ts'
import { markdownTable } from './markdown-table.ts'

const PHASES: Readonly<Record<PhaseLine['phase'], string>> = {
  before: 'before the shift',
  stranded: 'after it, until the move',
  after: 'after the move',
}

/** What a run of the leader shift says, in words that are true of it whatever it says. */
export function shiftFigures({ run, lines }: ShiftResults): string {
  const phases = lines.filter((line): line is PhaseLine => line.kind === 'phase')
  const moves = lines.filter((line): line is MoveLine => line.kind === 'move')
  const goals = lines.filter((line): line is ShiftGoal => line.kind === 'goal')
  const { machine, parameters } = run
  return [
    `Run of ${run.date.slice(0, 10)} at commit ${run.commit.slice(0, 12)}: ${machine.cores} cores (${machine.cpu}), ` +
      `load ${String(parameters['loadAverage'])} before it, ${String(parameters['commits'])} commits at ` +
      `${String(parameters['ratePerS'])} per second, ms.`,
    markdownTable(
      3,
      ['phase', 'leader', 'client', 'predicted', 'mean', 'p50', 'p99', 'commits', 'failed'],
      phases.map((line) => [
        PHASES[line.phase],
        line.leaderRegion,
        line.clientRegion,
        ms(line.predictedMs),
        ms(line.meanMs),
        ms(line.p50Ms),
        ms(line.p99Ms),
        String(line.count),
        String(line.failed),
      ]),
    ),
    ...moves.map(
      ({ source, target, afterShiftMs, largestGapMs, gapRtts, slowestMs }) =>
        `The leader moved from ${source} to ${target} ${(afterShiftMs / 1000).toFixed(0)} s after the shift. Around the move ` +
        `nobody was answered for ${ms(largestGapMs)} ms, ${gapRtts.toFixed(1)} round trips between the two; the slowest ` +
        `commit took ${ms(slowestMs)} ms.`,
    ),
    markdownTable(
      3,
      ['goal', 'verdict', 'because'],
      goals.map(({ goal, verdict, reason }) => [goal, verdict, reason]),
    ),
  ].join('\n\n')
}
