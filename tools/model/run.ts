/**
 * `meridian model [--only NAME,...] [--wide] [--json]`: checks the models of chaos/models with Spin, each as it stands,
 * which must hold, and with each of its mutants, which must be refuted. With `--wide`, instead, those models that have a
 * wider world, in that one and without mutants: minutes and gigabytes. Exit code 0 if every verdict is the expected one,
 * 1 if one is not or a tool is missing, 2 for wrong usage. A run that ends at its bound of time or memory proves nothing
 * and counts as unexpected.
 */
import { execFile } from 'node:child_process'
import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'

const MODELS = join(import.meta.dirname, '..', '..', 'chaos', 'models')
const RUNS_AT_ONCE = 2
/** Far above what a step takes on a machine that does nothing else. */
const STEP_TIMEOUT_MS = 240_000
const STEP_TIMEOUT_WIDE_MS = 1_800_000
const MEMORY_MIB_MAX = 1500
const MEMORY_MIB_WIDE_MAX = 6000
const DEPTH_MAX = 100_000
const OUTPUT_BYTES_MAX = 4 * 1024 * 1024
/** The name by which a model's bounds are wider when it is 1. */
const WIDER = 'WIDER'

interface Run {
  readonly model: string
  /** Undefined for the model as it stands. */
  readonly mutant: string | undefined
  readonly wide: boolean
}

interface Verdict extends Run {
  readonly outcome: 'holds' | 'refuted' | 'unknown'
  readonly expected: boolean
  readonly states: number
  readonly durationMs: number
  readonly why: string | undefined
}

interface Ended {
  readonly ok: boolean
  readonly output: string
}

async function program(command: string, args: readonly string[], cwd: string, timeout: number): Promise<Ended> {
  const { promise, resolve } = Promise.withResolvers<Ended>()
  const options = { cwd, timeout, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX } as const
  execFile(command, args, options, (error, stdout, stderr) =>
    resolve({ ok: error === null, output: `${stdout}${stderr}${error === null ? '' : `\n${error.message}`}` }),
  )
  return await promise
}

/** @throws Error if the table in the head and the switches in the text differ: a mutant nobody runs proves nothing. */
async function runsOf(model: string, wide: boolean): Promise<Run[]> {
  const text = await readFile(join(MODELS, `${model}.pml`), 'utf8')
  if (wide) return text.includes(WIDER) ? [{ model, mutant: undefined, wide }] : []
  const named = [...text.matchAll(/^ \* mutant (\w+)/gm)].flatMap((match) => match[1] ?? [])
  const used = [...text.matchAll(/^#(?:ifn?def (\w+)|(?:el)?if (.*))$/gm)].flatMap((match) =>
    match[1] === undefined
      ? [...(match[2] ?? '').matchAll(/defined\((\w+)\)/g)].flatMap((d) => d[1] ?? [])
      : [match[1]],
  )
  const differ = new Set(named).symmetricDifference(new Set(used.filter((name) => name !== WIDER)))
  if (differ.size > 0) throw new Error(`${model}.pml: named or used, but not both: ${[...differ].join(', ')}`)
  return [undefined, ...named].map((mutant) => ({ model, mutant, wide }))
}

async function check(run: Run, spin: string): Promise<Verdict> {
  const began = performance.now()
  const folder = await mkdtemp(join(tmpdir(), 'meridian-model-'))
  try {
    const file = `${run.model}.pml`
    await copyFile(join(MODELS, file), join(folder, file))
    const flags = run.wide ? [`-D${WIDER}=1`] : run.mutant === undefined ? [] : [`-D${run.mutant}`]
    const steps: readonly (readonly [string, readonly string[]])[] = [
      [spin, ['-a', ...flags, file]],
      [
        'gcc',
        [
          run.mutant === undefined ? '-Og' : '-O0',
          '-w',
          '-DSAFETY',
          `-DMEMLIM=${run.wide ? MEMORY_MIB_WIDE_MAX : MEMORY_MIB_MAX}`,
          '-o',
          'pan',
          'pan.c',
        ],
      ],
      [join(folder, 'pan'), ['-n', `-m${DEPTH_MAX}`]],
    ]
    let last: Ended = { ok: true, output: '' }
    for (const [command, args] of steps) {
      last = await program(command, args, folder, run.wide ? STEP_TIMEOUT_WIDE_MS : STEP_TIMEOUT_MS)
      if (!last.ok) break
    }
    const { ok, output } = last
    // A model that leaves its own arrays is broken, which says nothing of the protocol.
    const refuted = output.includes('assertion violated') && !output.includes('invalid array index')
    const holds =
      ok && /errors: 0\b/.test(output) && !/max search depth|out of memory|MEMLIM|not completed/.test(output)
    const outcome = refuted ? 'refuted' : holds ? 'holds' : 'unknown'
    return {
      ...run,
      outcome,
      expected: outcome === (run.mutant === undefined ? 'holds' : 'refuted'),
      states: Number(/(\d+) states, stored/.exec(output)?.[1] ?? 0),
      durationMs: Math.round(performance.now() - began),
      why: outcome === 'unknown' ? output.trim().slice(-500) : undefined,
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function print(verdict: Verdict): void {
  const name = [verdict.model, verdict.wide ? 'wide' : verdict.mutant].filter((part) => part !== undefined).join(' ')
  const seconds = (verdict.durationMs / 1000).toFixed(1)
  const judged = verdict.expected ? 'as expected' : 'NOT AS EXPECTED'
  process.stdout.write(
    `${name.padEnd(40)} ${String(verdict.states).padStart(9)} states ${seconds.padStart(5)} s  ${verdict.outcome}, ${judged}\n`,
  )
  if (verdict.why !== undefined) process.stdout.write(`  ${verdict.why.replaceAll('\n', '\n  ')}\n`)
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    args: process.argv.slice(2),
    options: {
      only: { type: 'string', multiple: true },
      wide: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  })
  const files = await readdir(MODELS)
  const models = files.filter((file) => file.endsWith('.pml')).map((file) => basename(file, '.pml'))
  if (values.help === true) {
    process.stdout.write(`usage: meridian model [--only NAME,...] [--wide] [--json]\n\n  ${models.join('\n  ')}\n`)
    return 0
  }
  const wanted = values.only?.flatMap((list) => list.split(','))
  const unknown = wanted?.find((name) => !models.includes(name))
  if (unknown !== undefined) {
    process.stderr.write(`meridian model: no model is called "${unknown}" (${models.join(', ')})\n`)
    return 2
  }
  const spin = process.env['MERIDIAN_SPIN'] ?? 'spin'
  const tools = [
    [spin, '-V', "spin: install Debian's package spin, or name it: MERIDIAN_SPIN=/path/to/spin"],
    ['gcc', '--version', 'gcc: Spin writes its checker in C; install gcc and have it on PATH'],
  ] as const
  for (const [command, flag, advice] of tools) {
    if ((await program(command, [flag], MODELS, STEP_TIMEOUT_MS)).ok) continue
    process.stderr.write(`meridian model: cannot run ${advice}\n`)
    return 1
  }
  // What must hold takes longest, so it begins first.
  const wide = values.wide === true
  const runs = (await Promise.all((wanted ?? models).map((model) => runsOf(model, wide)))).flat()
  const queue = runs.toSorted((a, b) => Number(a.mutant !== undefined) - Number(b.mutant !== undefined))
  const verdicts: Verdict[] = []
  const work = async (): Promise<void> => {
    for (let run = queue.shift(); run !== undefined; run = queue.shift()) {
      const verdict = await check(run, spin)
      verdicts.push(verdict)
      if (values.json !== true) print(verdict)
    }
  }
  await Promise.all(Array.from({ length: wide ? 1 : RUNS_AT_ONCE }, work))
  if (values.json === true) process.stdout.write(`${JSON.stringify({ verdicts }, undefined, 2)}\n`)
  return verdicts.length > 0 && verdicts.every((verdict) => verdict.expected) ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  process.stderr.write(`meridian model: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof TypeError ? 2 : 1
}
