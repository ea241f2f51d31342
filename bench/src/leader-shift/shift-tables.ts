import type { RunHeader } from '../report/report-input.ts'
import { textTable } from '../latency-tax/tables.ts'
import type { MoveLine, PhaseLine, ShiftGoal, ShiftLine } from './shift-lines.ts'

const ms = (value: number): string => value.toFixed(1)
const SHOWN: Readonly<Record<ShiftGoal['verdict'], string>> = { met: 'met', 'not met': 'NOT MET', rejected: 'rejected' }

/** What a person is told of a run, in 80 columns. */
export function shiftSummary(run: RunHeader, lines: readonly ShiftLine[]): readonly string[] {
  const { machine, parameters } = run
  const phases = lines.filter((line): line is PhaseLine => line.kind === 'phase')
  const moves = lines.filter((line): line is MoveLine => line.kind === 'move')
  const goals = lines.filter((line): line is ShiftGoal => line.kind === 'goal')
  return [
    `${run.topology}, commit ${run.commit.slice(0, 12)}, ${run.date}, took ${String(parameters['tookS'])} s`,
    `${machine.cores} x ${machine.cpu}, ${machine.memoryGb} GB, ${machine.kernel}, load ${String(parameters['loadAverage'])}`,
    `${String(parameters['commits'])} commits in an open loop at ${String(parameters['ratePerS'])}/s`,
    '',
    'Commits by phase, ms; predicted: as `meridian leader explain` said',
    '',
    ...textTable(3, [
      ['phase', 'leader', 'client', 'predicted', 'mean', 'p50', 'p99', 'count', 'failed'],
      ...phases.map((line) => [
        line.phase,
        line.leaderRegion,
        line.clientRegion,
        ms(line.predictedMs),
        ms(line.meanMs),
        ms(line.p50Ms),
        ms(line.p99Ms),
        String(line.count),
        String(line.failed),
      ]),
    ]),
    '',
    ...moves.flatMap(({ source, target, afterShiftMs, reason, largestGapMs, gapRtts, slowestMs }) =>
      wrapped(
        '',
        `${source} -> ${target}, ${(afterShiftMs / 1000).toFixed(1)} s after the shift: ` +
          `no answer for ${ms(largestGapMs)} ms (${gapRtts.toFixed(1)} round trips), ` +
          `the slowest commit took ${ms(slowestMs)} ms; ${reason}`,
        2,
      ),
    ),
    '',
    ...goals.flatMap(({ goal, verdict, reason }) => [
      `${SHOWN[verdict].padEnd(8)} ${goal}`,
      ...wrapped(' '.repeat(9), reason, 9),
    ]),
    ...(typeof parameters['rejected'] === 'string'
      ? ['', ...wrapped('Rejected, not to be used: ', parameters['rejected'], 2)]
      : []),
  ]
}

const WIDTH = 80

/** The first line begins with `begin`, the others with as many blanks as `indent`. */
function wrapped(begin: string, text: string, indent: number): readonly string[] {
  const lines: string[] = []
  let line = begin
  for (const word of text.split(' ')) {
    if (line !== begin && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = `${' '.repeat(indent)}${word}`
    } else line = line === begin ? `${begin}${word}` : `${line} ${word}`
  }
  return [...lines, line]
}
