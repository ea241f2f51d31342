import type { Command } from 'commander'
import { isMeridianError } from '@meridian/topology'
import type { ErrorCode } from '@meridian/topology'
import { failureOf } from './failure.ts'
import type { Failure } from './failure.ts'
import { exitOfSignal } from './interrupts.ts'
import type { Interrupts } from './interrupts.ts'
import { globalOptions } from './global-options.ts'
import { printable, printableLines } from './printable.ts'
import { jsonText } from './print/json.ts'
import { colored, plain } from './print/paint.ts'
import type { Program } from './program.ts'

/** Errors that say more than that the command was stopped. */
const TELLING: readonly ErrorCode[] = ['INTERRUPTED', 'OUTCOME_UNKNOWN']
/** Exit code of a program whose reader went away, as if SIGPIPE had ended it. */
const PIPE_EXIT = 141
const HELP_WIDTH = 80

/**
 * Runs one command line and says with which code the process should exit. Never throws: an error becomes a line on
 * stderr (and a document on stdout with --json) and the exit code of its row in the error table.
 *
 * @param args without the program's own name: `process.argv.slice(2)`
 */
export async function runProgram(program: Program, args: readonly string[]): Promise<number> {
  prepare(program)
  const { interrupts, sinks } = program
  interrupts.listen()
  const pipe = watchPipe(program)
  try {
    await program.parseAsync([...args], { from: 'user' })
    return pipe.broken ? PIPE_EXIT : program.exitCode
  } catch (error) {
    if (pipe.broken) return PIPE_EXIT
    const failure = failureOf(cause(error, interrupts), calledCommand(program, args))
    if (failure === undefined) return 0
    const options = globalOptions(program.opts(), program.env)
    // A command line that could not be read may have asked for JSON all the same.
    const json = options.json || beforeDashes(args).includes('--json')
    if (json) {
      const { code, message, details } = failure
      sinks.stdout.write(`${jsonText({ error: { code, message, details } })}\n`)
    }
    const debug = options.debug || beforeDashes(args).includes('--debug')
    const paint = sinks.stderr.isTTY === true && options.color ? colored : plain
    sinks.stderr.write(`${failureLines(failure, debug, paint).join('\n')}\n`)
    return interrupts.received === undefined ? failure.exit : exitOfSignal(interrupts.received)
  } finally {
    interrupts.release()
  }
}

/** `error CODE: message`, then what to do, then, for those who asked, where it happened. */
export function failureLines(failure: Failure, debug: boolean, paint = plain): string[] {
  const lines = [`${paint('bad', 'error')} ${failure.code}: ${printableLines(failure.message)}`]
  if (failure.advice !== undefined) lines.push(`  ${printable(failure.advice)}`)
  if (debug && failure.stack !== undefined)
    lines.push(...failure.stack.split('\n').map((line) => `  ${printable(line)}`))
  return lines
}

/** Commands added by others get what commander hands down only to its own: no process.exit, our streams. */
function prepare(program: Program): void {
  const { stdout, stderr } = program.sinks
  const visit = (command: Command): void => {
    command.exitOverride().configureOutput({
      writeOut: (text) => stdout.write(text),
      // Help that nobody asked for; errors themselves are said once, by `runProgram`.
      writeErr: (text) => stderr.write(text),
      outputError: () => {},
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    command.commands.forEach(visit)
  }
  visit(program)
}

/**
 * A reader that goes away (`| head`) ends the command quietly instead of crashing it. The listeners stay for as long as
 * the process, because the failure of a last write is told after the command has ended.
 */
function watchPipe(program: Program): { readonly broken: boolean } {
  let broken = false
  const { stdout, stderr } = program.sinks
  if (stdout === process.stdout) {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error
      broken = true
      process.exitCode = PIPE_EXIT
      program.interrupts.stop('the reader of stdout has gone')
    })
  }
  if (stderr === process.stderr) {
    process.stderr.on('error', (error: NodeJS.ErrnoException) => {
      // Nobody is left to tell; the command itself goes on.
      if (error.code !== 'EPIPE') throw error
    })
  }
  return {
    get broken() {
      return broken
    },
  }
}

/**
 * After an interrupt, calls fail in the ways of calls that were given up; what ended the command is the interrupt. Only
 * an outcome that nobody knows is worth more than that.
 */
function cause(error: unknown, interrupts: Interrupts): unknown {
  const { aborted, reason } = interrupts.signal
  return aborted && isMeridianError(error) && !TELLING.includes(error.code) ? reason : error
}

function beforeDashes(args: readonly string[]): readonly string[] {
  const dashes = args.indexOf('--')
  return dashes < 0 ? args : args.slice(0, dashes)
}

/** The command that the words on the line lead to, as it is typed. */
function calledCommand(program: Program, args: readonly string[]): string {
  let command: Command = program
  const path = [program.name()]
  for (const word of beforeDashes(args)) {
    const next = command.commands.find((each) => each.name() === word || each.aliases().includes(word))
    if (next === undefined) continue
    command = next
    path.push(next.name())
  }
  return path.join(' ')
}
