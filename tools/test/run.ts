/**
 * `meridian test [--only stage,...]`: everything that has to hold before a commit, stage by stage. It goes on after a
 * failed stage, so that one run shows all there is to mend, and ends with one line: `N passed, N failed`, the real
 * count of tests plus one per stage that is not made of tests. Exit code 0 if nothing failed, 1 if something did, 2 for
 * wrong usage, 130 or 143 when interrupted.
 */
import { constants } from 'node:os'
import { join, relative } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'

import { STAGES } from './stages.ts'
import type { Stage, StageOutcome } from './stages.ts'
import { slowest, sum, totalsLine } from './tally.ts'

const SLOWEST_SHOWN_COUNT = 5

const USAGE = `usage: meridian test [--only stage,...]

${STAGES.map((stage) => `  ${stage.name.padEnd(7)} ${stage.purpose}`).join('\n')}
`

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** The stages asked for, in their usual order; undefined for `--help`; a string is a complaint about the arguments. */
function chooseStages(args: readonly string[]): readonly Stage[] | string | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { only: { type: 'string', multiple: true }, help: { type: 'boolean', short: 'h' } },
    })
    if (values.help === true) return undefined
    if (values.only === undefined) return STAGES
    const wanted = new Set(values.only.flatMap((list) => list.split(',')).map((name) => name.trim()))
    const unknown = [...wanted].find((name) => !STAGES.some((stage) => stage.name === name))
    return unknown === undefined ? STAGES.filter((stage) => wanted.has(stage.name)) : `no stage is called "${unknown}"`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

async function runStages(stages: readonly Stage[], root: string, signal: AbortSignal): Promise<number> {
  const outcomes: StageOutcome[] = []
  for (const stage of stages) {
    print(`\n== ${stage.name}: ${stage.purpose}`)
    const beganMs = performance.now()
    const outcome = await stage.run({ root, signal })
    if (signal.aborted) {
      print(`== ${stage.name}: interrupted`)
      return 1
    }
    for (const complaint of outcome.complaints) print(`== ${stage.name}: ${complaint}`)
    const elapsed = ((performance.now() - beganMs) / 1000).toFixed(1)
    const verdict = outcome.failed === 0 ? 'ok' : 'FAILED'
    const skipped = outcome.skipped === 0 ? '' : `, ${outcome.skipped} skipped`
    print(`== ${stage.name}: ${verdict} in ${elapsed} s (${totalsLine(outcome)}${skipped})`)
    outcomes.push(outcome)
  }
  const timed = slowest(
    outcomes.flatMap((outcome) => outcome.tests),
    SLOWEST_SHOWN_COUNT,
  )
  if (timed.length > 0) print('\nslowest tests')
  for (const { name, file, durationMs } of timed) {
    print(`  ${(durationMs / 1000).toFixed(2).padStart(7)} s  ${relative(root, file)}: ${name}`)
  }
  const total = sum(outcomes)
  print('')
  if (total.skipped > 0) print(`${total.skipped} skipped`)
  print(totalsLine(total))
  return total.failed === 0 ? 0 : 1
}

const chosen = chooseStages(process.argv.slice(2))
if (chosen === undefined) {
  process.stdout.write(USAGE)
} else if (typeof chosen === 'string') {
  process.stderr.write(`meridian test: ${chosen}\n${USAGE}`)
  process.exitCode = 2
} else {
  const interruption = new AbortController()
  let interrupted: NodeJS.Signals | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interrupted ??= signal
      interruption.abort()
    })
  }
  const code = await runStages(chosen, join(import.meta.dirname, '..', '..'), interruption.signal)
  process.exitCode = interrupted === undefined ? code : 128 + constants.signals[interrupted]
}
