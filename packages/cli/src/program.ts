import { Command } from 'commander'
import { systemClock } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import { addGlobalOptions, globalOptions } from './global-options.ts'
import type { Environment, GlobalOptions } from './global-options.ts'
import { Interrupts } from './interrupts.ts'
import type { SignalSource } from './interrupts.ts'
import type { ByteSource } from './stdin-value.ts'
import { Terminal } from './terminal.ts'
import type { Sinks } from './terminal.ts'

export interface ProgramOptions {
  /** What `--version` prints. */
  readonly version: string
  /** Default: the standard streams of the process. */
  readonly write?: Sinks
  readonly stdin?: ByteSource
  /** What SIGINT and its kind are heard on. Default: the process. */
  readonly signals?: SignalSource
  readonly env?: Environment
  readonly clock?: Clock
  /** The time of day, for lines that carry one. */
  readonly now?: () => Date
}

/** What a command runs with. */
export interface CommandContext {
  readonly terminal: Terminal
  readonly options: GlobalOptions
  /** Aborted with MeridianError INTERRUPTED when somebody wants the program to stop. */
  readonly signal: AbortSignal
  readonly interrupts: Interrupts
  readonly stdin: ByteSource
  readonly clock: Clock
  readonly now: () => Date
  /** For a command that ends in order and still has to say no. */
  exitWith(code: number): void
}

/** The `meridian` program: commander's, with the streams, the environment and the interrupts its commands run with. */
export class Program extends Command {
  readonly sinks: Sinks
  readonly env: Environment
  readonly interrupts: Interrupts
  exitCode = 0
  readonly #stdin: ByteSource
  readonly #clock: Clock
  readonly #now: () => Date

  constructor(options: ProgramOptions) {
    super('meridian')
    this.sinks = options.write ?? { stdout: process.stdout, stderr: process.stderr }
    this.env = options.env ?? process.env
    this.interrupts = new Interrupts(options.signals)
    this.#stdin = options.stdin ?? process.stdin
    this.#clock = options.clock ?? systemClock
    this.#now = options.now ?? (() => new Date())
  }

  context(): CommandContext {
    const options = this.globalOptions()
    return {
      terminal: new Terminal(this.sinks, options),
      options,
      signal: this.interrupts.signal,
      interrupts: this.interrupts,
      stdin: this.#stdin,
      clock: this.#clock,
      now: this.#now,
      exitWith: (code) => {
        this.exitCode = code
      },
    }
  }

  globalOptions(): GlobalOptions {
    return globalOptions(this.opts(), this.env)
  }
}

export function createProgram(options: ProgramOptions): Program {
  const program = new Program(options)
  program
    .description('The control plane of a geo-sharded database: who orders writes for a key, where, and since when.')
    .version(options.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
  addGlobalOptions(program)
  program.addHelpText(
    'after',
    [
      '',
      'Examples:',
      '  meridian demo',
      '  meridian status',
      '  meridian get cities/FR/2988507 --region eu-west',
      '',
      'Keys are KEYSPACE/KEY; \\xNN stands for any byte, \\\\ for a backslash.',
      'Exit codes: 0 done, 1 failure, 2 usage, 3 not found, 4 conflict, 5 outcome',
      'unknown, 6 done with findings, 130 interrupted. See: meridian errors',
    ].join('\n'),
  )
  return program
}

/** What the command that was called runs with: for the first line of every action. */
export function contextOf(command: Command): CommandContext {
  let root: Command = command
  while (root.parent !== null) root = root.parent
  if (!(root instanceof Program)) throw new Error(`command ${command.name()} is not part of a program of createProgram`)
  return root.context()
}
