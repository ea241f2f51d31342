import { CommanderError } from 'commander'
import { ERROR_TABLE } from '@meridian/protocol'
import { isMeridianError } from '@meridian/topology'
import type { ErrorCode } from '@meridian/topology'
import { adviceFor } from './advice.ts'

/** How a command ended that did not end well. */
export interface Failure {
  readonly code: ErrorCode
  readonly message: string
  readonly details: Readonly<Record<string, string>>
  readonly exit: number
  readonly advice: string | undefined
  readonly stack: string | undefined
}

/**
 * Undefined for what commander throws after it printed a help or a version that somebody asked for.
 *
 * @param command whose help is worth reading when it was called wrongly: `meridian range split`
 */
export function failureOf(error: unknown, command: string): Failure | undefined {
  if (error instanceof CommanderError) return usageFailure(error, command)
  const stack = error instanceof Error ? error.stack : undefined
  if (isMeridianError(error)) {
    const { code, message, details } = error
    return { code, message, details, exit: ERROR_TABLE[code].exit, advice: adviceFor(code, message), stack }
  }
  const message = error instanceof Error ? error.message || error.name : String(error)
  return {
    code: 'INTERNAL',
    message,
    details: {},
    exit: ERROR_TABLE.INTERNAL.exit,
    advice: adviceFor('INTERNAL', message),
    stack,
  }
}

function usageFailure(error: CommanderError, command: string): Failure | undefined {
  if (error.exitCode === 0) return undefined
  const missing = error.code === 'commander.help'
  return {
    code: 'INVALID_ARGUMENT',
    // Commander says "error:" itself and puts its suggestion on a line of its own.
    message: missing ? 'a command is missing' : error.message.replace(/^error: /, '').replaceAll('\n', ' '),
    details: {},
    exit: ERROR_TABLE.INVALID_ARGUMENT.exit,
    // After the help was printed there is no need to name it.
    advice: missing ? undefined : `see: ${command} --help`,
    stack: undefined,
  }
}
