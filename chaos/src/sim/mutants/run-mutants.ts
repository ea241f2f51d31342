import type { Printer, TextSink } from '../../report/printer.ts'
import { formatTable } from '../../report/table.ts'
import { brokenOf } from '../outcome.ts'
import { runSeed } from '../run-seed.ts'
import { PROFILES } from '../world/plan.ts'
import type { Mutant } from './mutant.ts'
import { MUTANTS, mutantNamed } from './registry.ts'
import { ROWS } from './rows.ts'

export interface MutantsOptions {
  readonly only: readonly string[] | undefined
  readonly json: boolean
  readonly out: TextSink
  readonly signal: AbortSignal
}

export interface MutantFate {
  readonly mutant: Mutant
  /** Undefined: no checker that has to find it found it within its seeds. */
  readonly killed: { readonly seed: number; readonly by: string; readonly why: string } | undefined
  readonly seeds: number
}

/** Tries seeds until one of its checkers finds the mutant, at most as many as it is allowed. */
export async function huntMutant(mutant: Mutant, signal: AbortSignal): Promise<MutantFate> {
  const profile = { ...PROFILES.small, ...mutant.profile }
  const first = mutant.firstSeed ?? 1
  let tried = 0
  for (let seed = first; seed < first + mutant.seeds && !signal.aborted; seed++) {
    const run = await runSeed(seed, profile, { mutant })
    tried += 1
    const by = brokenOf(run).find((name) => mutant.killedBy.includes(name))
    if (by === undefined) continue
    const why = run.verdicts.find(({ name }) => name === by)?.why ?? ''
    return { mutant, killed: { seed, by, why }, seeds: tried }
  }
  return { mutant, killed: undefined, seeds: tried }
}

const [OK, FAILED, INTERRUPTED] = [0, 6, 130] as const

/** @returns 0 when every mutant was killed */
export async function runMutants({ only, json, out, signal }: MutantsOptions, printer: Printer): Promise<number> {
  const fates: MutantFate[] = []
  const mutants = only === undefined ? MUTANTS : only.map(mutantNamed)
  for (const mutant of mutants) {
    if (signal.aborted) break
    printer.progress(`${fates.length} of ${mutants.length} mutants: ${mutant.name}`)
    const fate = await huntMutant(mutant, signal)
    fates.push(fate)
    const { name, breaks, killedBy } = mutant
    if (json)
      out.write(`${JSON.stringify({ mutant: name, breaks, killedBy, killed: fate.killed, seeds: fate.seeds })}\n`)
  }
  const killed = fates.filter((fate) => fate.killed !== undefined).length
  printer.lines(
    formatTable(
      [{ title: 'mutant' }, { title: 'killed by' }, { title: 'seed', align: 'right' }],
      fates.map(({ mutant, killed: kill, seeds }) => [
        mutant.name,
        kill?.by ?? `NOBODY in ${seeds} seeds`,
        kill === undefined ? '' : String(kill.seed),
      ]),
    ),
  )
  if (only === undefined && !signal.aborted) tellRows(fates, printer)
  printer.text(`${killed} of ${mutants.length} mutants killed.`)
  if (signal.aborted) return INTERRUPTED
  return killed === mutants.length ? OK : FAILED
}

/** The safety reference's table of mistakes, row by row: who made each on purpose, and what came of it. */
function tellRows(fates: readonly MutantFate[], printer: Printer): void {
  const killed = new Set(fates.flatMap((fate) => (fate.killed === undefined ? [] : [fate.mutant.name])))
  const rows = ROWS.map(({ mistake, caughtBy, mutants, elsewhere = [] }) => {
    const own = mutants.length === 0 ? '' : `${mutants.filter((name) => killed.has(name)).length} / ${mutants.length}`
    const others = elsewhere.map(({ file, name, by }) => `${file} (${name}), by ${by}`)
    return [mistake, caughtBy.join(' '), own, others.join('; ')]
  })
  const titles = [
    { title: 'mistake' },
    { title: 'caught by' },
    { title: 'killed / all', align: 'right' as const },
    { title: 'and in' },
  ]
  printer.lines(formatTable(titles, rows))
}
