import { runSim } from '@meridian/chaos'
import { SIM_DATA } from './paths.ts'
import { wholeNumber } from './world.ts'

const SEEDS_MAX = 1_000_000
const SEED_END = 2 ** 31

export interface SimOptions {
  readonly json?: boolean
  readonly data?: string
  readonly seeds: string
  readonly seed?: string
  readonly profile: string
  readonly checkDeterminism?: boolean
  readonly mutants?: boolean
  readonly mutant?: string[]
  readonly replay?: string
}

/** `meridian sim`. @returns the exit code: 0 when every world holds and every mutant is noticed */
export function sim(options: SimOptions, signal: AbortSignal): Promise<number> {
  const { json = false, data = SIM_DATA, profile, replay, mutant } = options
  return runSim({
    seed: options.seed === undefined ? Date.now() % SEED_END : wholeNumber('--seed', options.seed, 0, SEED_END - 1),
    seeds: wholeNumber('--seeds', options.seeds, 1, SEEDS_MAX),
    profile,
    json,
    checkDeterminism: options.checkDeterminism ?? false,
    mutants: (options.mutants ?? false) || mutant !== undefined,
    only: mutant,
    replay,
    folder: data,
    out: process.stdout,
    err: process.stderr,
    isTty: process.stderr.isTTY,
    nowMs: () => performance.now(),
    signal,
  })
}
