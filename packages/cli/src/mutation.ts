import { randomBytes } from 'node:crypto'
import { Option } from 'commander'
import { REASON_CHARS_MAX } from '@meridian/protocol'
import { generation, isMeridianError, MeridianError, operationId } from '@meridian/topology'
import type { Generation, OperationId } from '@meridian/topology'
import type { CommandContext } from './program.ts'

export interface MutationOptions {
  readonly operation?: OperationId
}

export const operationOption = (): Option =>
  new Option('--operation <id>', 'the same id is the same change, however often it is sent').argParser(operationId)

export const expectOption = (of: string): Option =>
  new Option('--expect-generation <n>', `refuse unless ${of} has this generation`).argParser(parseGeneration)

export const reasonOption = (): Option =>
  new Option('--reason <text>', 'kept with the operation, for those who look at it later').argParser(reasonText)

/**
 * Makes a change under the operation id given or a new one, which is told before anything is sent: whoever does not
 * learn the outcome repeats the command with it.
 */
export async function mutate<T>(
  context: CommandContext,
  options: MutationOptions,
  send: (operation: OperationId) => Promise<T>,
): Promise<{ operation: OperationId; result: T }> {
  const operation = options.operation ?? operationId(`cli-${randomBytes(8).toString('hex')}`)
  if (options.operation === undefined) context.terminal.note(`operation ${operation}`)
  try {
    return { operation, result: await send(operation) }
  } catch (error) {
    throw isMeridianError(error) ? withOperation(error, operation) : error
  }
}

function withOperation(error: MeridianError, operation: OperationId): MeridianError {
  const unknown = error.code === 'OUTCOME_UNKNOWN' || error.code === 'INTERRUPTED'
  const message = unknown
    ? `${error.message}; it may have had its effect: repeat the command with --operation ${operation}`
    : error.message
  return new MeridianError(error.code, message, { details: { ...error.details, operation }, cause: error })
}

function parseGeneration(text: string): Generation {
  if (!/^[0-9]{1,19}$/.test(text)) {
    throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(text)} is no generation: write a whole number`)
  }
  return generation(BigInt(text))
}

function reasonText(text: string): string {
  if (Array.from(text).length <= REASON_CHARS_MAX) return text
  throw new MeridianError('INVALID_ARGUMENT', `a reason has at most ${REASON_CHARS_MAX} characters`)
}
