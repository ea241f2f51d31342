import { relative } from 'node:path'
import { runLeaderShift, shiftSummary, shiftText } from '@meridian/bench'
import { wholeNumber } from '../world.ts'
import { distances } from './distances.ts'
import { RegionClient } from './region-client.ts'
import { writeResults } from './results.ts'
import { GOAL_NOT_MET, resultsDir, unlessInterrupted, worldOptions } from './world-options.ts'
import type { WorldBenchOptions } from './world-options.ts'

export interface LeaderShiftCommandOptions extends WorldBenchOptions {
  readonly seconds?: string
}

const PHASE_S = { full: 60, quick: 15, max: 3600 }

/** `meridian bench leader-shift`. @returns the exit code */
export async function benchLeaderShift(options: LeaderShiftCommandOptions, signal: AbortSignal): Promise<number> {
  const { topology, matrix, places } = await distances(options)
  const common = await worldOptions(options, signal)
  const seconds =
    options.seconds === undefined
      ? PHASE_S[options.quick === true ? 'quick' : 'full']
      : wholeNumber('--seconds', options.seconds, 5, PHASE_S.max)
  const { run, lines } = await unlessInterrupted(
    runLeaderShift({
      ...common,
      topology,
      matrix,
      places,
      phaseMs: 1000 * seconds,
      openClient: (region, regions) => new RegionClient(region, regions),
    }),
    signal,
  )
  const files = new Map([[`leader-shift-${topology}.jsonl`, shiftText(run, lines)]])
  const written = await writeResults(resultsDir(options), files)
  if (options.json === true) process.stdout.write(`${JSON.stringify({ run, lines, written })}\n`)
  else {
    const shown = written.map((file) => relative(process.cwd(), file))
    process.stdout.write(`${[...shiftSummary(run, lines), '', `Written: ${shown.join(', ')}`].join('\n')}\n`)
  }
  const isMet = lines.every((line) => line.kind !== 'goal' || line.verdict === 'met')
  return options.strict === true && !isMet ? GOAL_NOT_MET : 0
}
