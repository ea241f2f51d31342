import type { SimRun } from './run-seed.ts'

export type Outcome = 'pass' | 'fail' | 'void'

/** Names of what was found broken: checkers, and `failure` for a process that met what should never happen. */
export function brokenOf({ verdicts, failures }: Pick<SimRun, 'verdicts' | 'failures'>): string[] {
  const broken = verdicts.filter(({ verdict }) => verdict === 'invalid').map(({ name }) => name)
  return failures.length > 0 ? [...broken, 'failure'] : broken
}

export function outcomeOf(run: SimRun): Outcome {
  if (brokenOf(run).length > 0) return 'fail'
  return run.voidBecause === undefined ? 'pass' : 'void'
}

/** One JSON line for each seed. */
export function lineOf(run: SimRun, extra: Readonly<Record<string, unknown>> = {}): string {
  const verdicts = Object.fromEntries(run.verdicts.map(({ name, verdict }) => [name, verdict]))
  const broken = run.verdicts
    .filter(({ verdict }) => verdict === 'invalid')
    .map(({ invariant, name, why }) => ({ invariant, checker: name, why }))
  return JSON.stringify({
    seed: run.seed,
    profile: run.profile,
    outcome: outcomeOf(run),
    traceHash: run.traceHash,
    virtualMs: Math.round(run.virtualMs),
    verdicts,
    broken,
    failures: run.failures,
    ...(run.voidBecause === undefined ? {} : { voidBecause: run.voidBecause }),
    counts: run.counts,
    faults: Object.fromEntries(run.faultCounts),
    ...extra,
  })
}
