import { EventEmitter } from 'node:events'
import type { Command } from 'commander'
import { addClientCommands } from './client-commands.ts'
import { createProgram } from './program.ts'
import type { Program, ProgramOptions } from './program.ts'
import { runProgram } from './run-program.ts'

/** For tests: what a command line wrote and how it ended. */
export interface RecordedRun {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions extends Omit<ProgramOptions, 'version' | 'write'> {
  /** Pretend that a terminal of so many columns is there. */
  readonly columns?: number
  /** Commands beside those of this package. */
  readonly add?: (program: Program) => Command | void
}

/** A program whose streams are kept, in an environment of its own: by default one without any world. */
export function recordedProgram(options: RunOptions = {}): { program: Program; stdout: string[]; stderr: string[] } {
  const { columns, add, ...rest } = options
  const terminal = columns === undefined ? {} : { isTTY: true, columns }
  const stdout: string[] = []
  const stderr: string[] = []
  const sink = (lines: string[]) => ({
    write: (chunk: string | Uint8Array) =>
      lines.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString()),
    ...terminal,
  })
  const program = createProgram({
    version: '1.2.3',
    env: { MERIDIAN_DATA: '/nonexistent/world' },
    signals: new EventEmitter(),
    ...rest,
    write: { stdout: sink(stdout), stderr: sink(stderr) },
  })
  addClientCommands(program)
  add?.(program)
  return { program, stdout, stderr }
}

export async function recordedRun(args: readonly string[], options: RunOptions = {}): Promise<RecordedRun> {
  const { program, stdout, stderr } = recordedProgram(options)
  const exit = await runProgram(program, args)
  return { exit, stdout: stdout.join(''), stderr: stderr.join('') }
}
