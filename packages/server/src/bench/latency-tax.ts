import { relative } from 'node:path'
import {
  allMet,
  goalsOf,
  renderMatrixSvg,
  renderReport,
  resultsText,
  runLatencyTax,
  summaryLines,
} from '@meridian/bench'
import { Supervisor } from '@meridian/deploy'
import { wholeNumber } from '../world.ts'
import { distances } from './distances.ts'
import { RegionClient } from './region-client.ts'
import { writeResults } from './results.ts'
import { GOAL_NOT_MET, resultsDir, unlessInterrupted, worldOptions } from './world-options.ts'
import type { WorldBenchOptions } from './world-options.ts'

export interface LatencyTaxOptions extends WorldBenchOptions {
  readonly samples?: string
}

const SAMPLES = { full: 100, quick: 30, max: 10_000 }

/** `meridian bench latency-tax`. @returns the exit code */
export async function benchLatencyTax(options: LatencyTaxOptions, signal: AbortSignal): Promise<number> {
  const { topology, matrix, places } = await distances(options)
  const common = await worldOptions(options, signal)
  const samples =
    options.samples === undefined
      ? SAMPLES[options.quick === true ? 'quick' : 'full']
      : wholeNumber('--samples', options.samples, 1, SAMPLES.max)
  const { run, lines } = await unlessInterrupted(
    runLatencyTax({
      ...common,
      topology,
      matrix,
      places,
      samples,
      openClient: (region, regions) => new RegionClient(region, regions),
      openHost: () => new Supervisor(),
    }),
    signal,
  )
  const name = `latency-tax-${topology}`
  const written = await writeResults(
    resultsDir(options),
    new Map([
      [`${name}.jsonl`, resultsText(run, lines)],
      [`${name}.html`, renderReport(run, lines)],
      [`${name}.svg`, renderMatrixSvg(run, lines)],
    ]),
  )
  const goals = goalsOf(lines)
  if (options.json === true) process.stdout.write(`${JSON.stringify({ run, lines, goals, written })}\n`)
  else {
    const shown = written.map((file) => relative(process.cwd(), file))
    process.stdout.write(`${[...summaryLines(run, lines), '', `Written: ${shown.join(', ')}`].join('\n')}\n`)
  }
  return options.strict === true && !allMet(goals) ? GOAL_NOT_MET : 0
}
