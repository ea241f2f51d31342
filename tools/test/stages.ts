import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { runProgram } from './program.ts'
import type { Tally, TimedTest } from './tally.ts'
import { countReport } from './vitest-report.ts'

export interface StageContext {
  /** The checkout, absolute. */
  readonly root: string
  readonly signal: AbortSignal
}

export interface StageOutcome extends Tally {
  readonly tests: readonly TimedTest[]
  readonly complaints: readonly string[]
}

export interface Stage {
  readonly name: string
  readonly purpose: string
  readonly run: (context: StageContext) => Promise<StageOutcome>
}

/** In the order they run: what is quick and blunt first. */
export const STAGES: readonly Stage[] = [
  { name: 'format', purpose: 'sources are formatted', run: check('oxfmt', '--check', '.') },
  {
    name: 'lint',
    purpose: 'no floating promise, no forgotten case, no import cycle',
    run: check('oxlint', '--type-aware'),
  },
  { name: 'types', purpose: 'every project type-checks', run: check('tsc', '-b', '.', 'tools') },
  { name: 'proto', purpose: 'the protocol is well-formed and its generated code is current', run: checkProto },
  { name: 'model', purpose: 'the models hold, and each of their mutants is refuted', run: checkModels },
  { name: 'unit', purpose: 'tables, properties, simulations', run: vitest('unit') },
  { name: 'int', purpose: 'against real servers', run: vitest('int') },
]

/** A stage that is one program and counts as one test. */
function check(command: string, ...args: readonly string[]): Stage['run'] {
  return async ({ root, signal }) => one((await runProgram(command, args, { cwd: root, signal })) === 0)
}

/**
 * By the launcher, which obtains Spin: where it cannot be had, the stage fails and says what to do. A C compiler is the one
 * thing that it cannot bring; without one the models are not checked, and the totals say so.
 */
async function checkModels({ root, signal }: StageContext): Promise<StageOutcome> {
  if (!onPath('gcc')) {
    const complaint = 'left out: Spin writes its checkers in C, and there is no gcc on PATH'
    return { passed: 0, failed: 0, skipped: 1, tests: [], complaints: [complaint] }
  }
  return one((await runProgram(join(root, 'meridian'), ['model'], { cwd: root, signal })) === 0)
}

function onPath(command: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, command)))
}

function one(passed: boolean): StageOutcome {
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0, tests: [], complaints: [] }
}

/** buf's `out` is relative to the folder given by `-o`: a second tree beside it receives what would be generated. */
async function checkProto({ root, signal }: StageContext): Promise<StageOutcome> {
  const lint = await runProgram('buf', ['lint', 'proto'], { cwd: root, signal })
  if (lint !== 0) return one(false)
  return await withFolder(async (folder) => {
    const base = join(folder, 'proto')
    await mkdir(base)
    const generate = await runProgram('buf', ['generate', '-o', base], { cwd: join(root, 'proto'), signal })
    if (generate !== 0) return one(false)
    const generated = join('packages', 'protocol', 'src', 'gen')
    const same = await runProgram('diff', ['-r', generated, join(folder, generated)], { cwd: root, signal })
    if (same === 0) return one(true)
    return { ...one(false), complaints: [`${generated} is not what buf generates: run buf generate in proto`] }
  })
}

function vitest(project: string): Stage['run'] {
  return async ({ root, signal }) =>
    await withFolder(async (folder) => {
      const report = join(folder, 'report.json')
      const args = ['run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
      const exitCode = await runProgram('vitest', args, { cwd: root, signal })
      return countReport(await readJson(report), exitCode)
    })
}

/** Undefined if there is no such file or it is no JSON: both mean that vitest did not come to its end. */
async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch {
    return undefined
  }
}

async function withFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'meridian-test-'))
  try {
    return await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
