import { MeridianError } from '@meridian/topology'
import { formatCount } from '../report/figures.ts'
import { Printer } from '../report/printer.ts'
import type { TextSink } from '../report/printer.ts'
import { formatTable } from '../report/table.ts'
import type { FaultStep } from './faults/fault-step.ts'
import { mutantNamed } from './mutants/registry.ts'
import { runMutants } from './mutants/run-mutants.ts'
import { brokenOf, lineOf, outcomeOf } from './outcome.ts'
import { EXERCISED, runSeed } from './run-seed.ts'
import type { SimRun } from './run-seed.ts'
import { shrink } from './shrink.ts'
import { loadRun, profileNamed, saveRun } from './sim-file.ts'
import type { Profile } from './world/plan.ts'

export interface SimCommandOptions {
  readonly seed: number
  readonly seeds: number
  readonly profile: string
  readonly json: boolean
  readonly checkDeterminism: boolean
  /** Instead of seeds: whether the checkers notice the mutants. */
  readonly mutants: boolean
  /** With mutants: the names of those that are tried; undefined: all. */
  readonly only: readonly string[] | undefined
  readonly replay: string | undefined
  /** Where failing runs are kept. */
  readonly folder: string
  readonly out: TextSink
  readonly err: TextSink
  readonly isTty: boolean
  readonly nowMs: () => number
  readonly signal: AbortSignal
}

const [OK, FAILED, INTERRUPTED] = [0, 6, 130] as const
/** From so many seeds on something of everything must have happened. */
const TELLING_SEEDS = 20
/** Told in full of one seed. */
const BROKEN_TOLD_MAX = 4

/** `meridian sim`. @returns the exit code: 0 when every seed passed, 6 when one failed or proved nothing */
export async function runSim(options: SimCommandOptions): Promise<number> {
  const { profile: name, mutants, replay, err, isTty, nowMs } = options
  const profile = profileNamed(name)
  if (profile === undefined) throw new MeridianError('INVALID_ARGUMENT', `there is no profile ${name}`)
  const printer = new Printer(err, isTty, nowMs)
  // Errors are made by the thousand here and shown by nobody.
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    if (replay !== undefined) return await replayFile(options, replay, printer)
    if (mutants) return await runMutants(options, printer)
    return await runSeeds(options, profile, printer)
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

async function runSeeds(options: SimCommandOptions, profile: Profile, printer: Printer): Promise<number> {
  const { seed: first, seeds, json, checkDeterminism, folder, out, nowMs, signal } = options
  const begunMs = nowMs()
  const totals = new Map<string, number>()
  const rows: string[][] = []
  const outcomes = { pass: 0, fail: 0, void: 0 }
  for (let seed = first; seed < first + seeds && !signal.aborted; seed++) {
    const run = await runSeed(seed, profile)
    let outcome = outcomeOf(run)
    let file: string | undefined
    if (checkDeterminism) {
      const again = await runSeed(seed, profile)
      if (again.traceHash !== run.traceHash) {
        outcome = 'fail'
        printer.text(`seed ${seed}: two runs differ, ${run.traceHash} and ${again.traceHash}`)
      }
    }
    if (brokenOf(run).length > 0) {
      printer.lines([`seed ${seed} FAILED`, ...complaintsOf(run).map((line) => `  ${line}`)])
      file = await shrunk(run, profile, folder, printer, signal)
    }
    outcomes[outcome] += 1
    for (const [what, count] of Object.entries(run.counts)) totals.set(what, (totals.get(what) ?? 0) + count)
    if (json) out.write(`${lineOf({ ...run }, { outcome, ...(file === undefined ? {} : { file }) })}\n`)
    else if (outcome !== 'pass') rows.push([String(seed), outcome, brokenOf(run).join(' ') || (run.voidBecause ?? '')])
    printer.progress(`${seed - first + 1} of ${seeds} seeds, ${outcomes.fail} failed, ${outcomes.void} void`)
  }
  const tookMs = nowMs() - begunMs
  const done = outcomes.pass + outcomes.fail + outcomes.void
  if (!json) {
    if (rows.length > 0) printer.lines(formatTable([{ title: 'seed' }, { title: 'outcome' }, { title: 'why' }], rows))
    const shown = [...totals].map(([what, count]) => [what, formatCount(count)])
    printer.lines(formatTable([{ title: 'what happened' }, { title: 'times', align: 'right' }], shown))
  }
  const perMinute = Math.round((done * 60_000) / Math.max(1, tookMs))
  printer.text(
    `${outcomes.pass} passed, ${outcomes.fail} failed, ${outcomes.void} void of ${done} seeds of profile ${profile.name}; ${perMinute} seeds a minute.`,
  )
  if (signal.aborted) return INTERRUPTED
  const never = done < TELLING_SEEDS ? [] : EXERCISED.filter((what) => (totals.get(what) ?? 0) === 0)
  if (never.length > 0) printer.text(`Void as a whole: in ${done} seeds there were no ${never.join(', no ')}.`)
  return outcomes.fail + outcomes.void + never.length === 0 ? OK : FAILED
}

export function complaintsOf(run: SimRun): string[] {
  const broken = run.verdicts.filter(({ verdict }) => verdict === 'invalid')
  const told = [...run.failures, ...broken.map(({ invariant, name, why }) => `${invariant} ${name}: ${why}`)]
  const more = told.length - BROKEN_TOLD_MAX
  return [...told.slice(0, BROKEN_TOLD_MAX), ...(more > 0 ? [`and ${more} more`] : [])]
}

/** Leaves out of the schedule what the failure does not need, and keeps what is left in a file. */
async function shrunk(
  run: SimRun,
  profile: Profile,
  folder: string,
  printer: Printer,
  signal: AbortSignal,
): Promise<string> {
  const broken = new Set(brokenOf(run))
  let smallest = run
  const fails = async (faults: readonly FaultStep[]): Promise<boolean> => {
    const tried = await runSeed(run.seed, profile, { faults })
    printer.progress(`seed ${run.seed}: ${faults.length} of ${run.faults.length} faults`)
    if (!brokenOf(tried).some((name) => broken.has(name))) return false
    smallest = tried
    return true
  }
  await shrink(run.faults, fails, signal)
  const path = await saveRun(folder, smallest, profile)
  printer.text(`  kept with ${smallest.faults.length} of ${run.faults.length} faults: meridian sim --replay ${path}`)
  return path
}

async function replayFile(options: SimCommandOptions, path: string, printer: Printer): Promise<number> {
  const { json, out } = options
  const file = await loadRun(path)
  const base = profileNamed(file.profile)
  if (base === undefined) throw new Error('assertion: a saved run without a profile')
  const mutant = file.mutant === undefined ? undefined : mutantNamed(file.mutant)
  const profile = { ...base, faultyMs: file.faultyMs }
  const run = await runSeed(file.seed, profile, { faults: file.faults, ...(mutant && { mutant }) })
  if (json) out.write(`${lineOf(run)}\n`)
  printer.lines(file.faults.map(({ atMs, forMs, kind, target }) => `  ${atMs} ms: ${kind} ${target} for ${forMs} ms`))
  printer.lines(complaintsOf(run))
  if (run.traceHash !== file.traceHash)
    printer.text(`The code has changed since: the trace was ${file.traceHash}, and is ${run.traceHash} now.`)
  const outcome = outcomeOf(run)
  printer.text(`seed ${file.seed}: ${outcome}, ${brokenOf(run).join(' ') || 'nothing broken'}`)
  return outcome === 'pass' ? OK : FAILED
}
