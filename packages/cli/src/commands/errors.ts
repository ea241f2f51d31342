import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { ERROR_CODES } from '@meridian/topology'
import type { ErrorCode } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { errorJson, errorLines, errorPageLines } from '../print/errors.ts'
import { contextOf } from '../program.ts'

export function addErrors(program: Command): void {
  const command = program
    .command('errors')
    .summary('Every error code and what to do about it.')
    .description('Every error code: its gRPC status, what to do about it, the exit code, what it means.')
    .argument('[code]', 'only this one', parseCode)
    .option('--markdown', 'as the table of docs/errors.md')
    .action((code: ErrorCode | undefined, options: { markdown?: boolean }, self: Command) => {
      const { terminal } = contextOf(self)
      const codes = code === undefined ? ERROR_CODES : [code]
      terminal.show(
        () => ({ errors: codes.map(errorJson) }),
        () => (options.markdown === true ? errorPageLines() : errorLines(codes, terminal.layout)),
      )
    })
  withExamples(command, 'meridian errors', 'meridian errors OUTCOME_UNKNOWN')
}

function parseCode(text: string): ErrorCode {
  const code = ERROR_CODES.find((known) => known === text.toUpperCase())
  if (code === undefined) throw new InvalidArgumentError('There is no such code; see: meridian errors')
  return code
}
