import { join } from 'node:path'
import { systemClock } from '@meridian/loop'
import { regionBinaries, toxiproxyBinary } from '../binaries.ts'
import { HOME } from '../paths.ts'
import { regionServes, wholeNumber } from '../world.ts'
import { worldLines } from '../world-report.ts'
import { checkout } from './results.ts'

/** What every benchmark that starts a world of its own is told. */
export interface WorldBenchOptions {
  readonly json?: boolean
  readonly data?: string
  readonly topology: string
  readonly matrix?: string
  readonly regions?: string
  readonly rate: string
  readonly quick?: boolean
  readonly out?: string
  readonly strict?: boolean
  readonly basePort?: string
}

const CALIBRATION_SAMPLES = { full: 15, quick: 9 }
const RATE_MAX = 1000
/** Beside the ports of `up` and `demo`, so that a benchmark can at least be started while one of them runs. */
const BASE_PORT = 28_000
export const RESULTS_DIR = join(HOME, 'bench/results')
/** A look is no result: what documents say of the last run must not come from it. */
const QUICK_RESULTS_DIR = join(HOME, '.meridian/bench/results')

export const resultsDir = ({ out, quick }: WorldBenchOptions): string =>
  out ?? (quick === true ? QUICK_RESULTS_DIR : RESULTS_DIR)

/** Exit code of `--strict` when a goal is not met or could not be judged. */
export const GOAL_NOT_MET = 6

export async function worldOptions({ rate, quick, basePort, data }: WorldBenchOptions, signal: AbortSignal) {
  const say = (text: string) => process.stderr.write(`${text}\n`)
  return {
    ratePerS: wholeNumber('--rate', rate, 1, RATE_MAX),
    calibrationSamples: CALIBRATION_SAMPLES[quick === true ? 'quick' : 'full'],
    basePort: basePort === undefined ? BASE_PORT : wholeNumber('--base-port', basePort, 1024, 60_000),
    dataDir: data ?? join(HOME, '.meridian/bench'),
    binaries: { ...regionBinaries(), toxiproxy: toxiproxyBinary() },
    // No node runs in these worlds.
    isReady: (region: Parameters<typeof regionServes>[0]) => regionServes(region, 0),
    commit: await checkout(),
    date: new Date().toISOString(),
    clock: systemClock,
    random: Math.random,
    signal,
    progress: say,
    onWorld: (event: Parameters<typeof worldLines>[0]) => {
      for (const line of worldLines(event)) say(line)
    },
  }
}

/** Whatever an interruption broke off is no failure of its own. */
export async function unlessInterrupted<T>(measuring: Promise<T>, signal: AbortSignal): Promise<T> {
  return measuring.catch((error: unknown) => {
    signal.throwIfAborted()
    throw error
  })
}
