import type { Operations } from '@meridian/client'
import type { Operation } from '@meridian/protocol'
import { isMeridianError, operationId } from '@meridian/topology'
import type { ErrorCode } from '@meridian/topology'
import { callOptions } from './commands/range-results.ts'
import { formatMs } from './duration.ts'
import { phaseLine } from './print/transfer.ts'
import type { CommandContext } from './program.ts'
import { beginProgress, lookAgain } from './transfer-progress.ts'
import type { TransferProgress } from './transfer-progress.ts'

/** Pause between two looks at an operation; as fine as its phases can be told apart, ms. */
export const LOOK_EVERY_MS = 100
/** Nobody who could say yes or no has said it. Other refusals may pass too, but a person should see them. */
const UNANSWERED: readonly ErrorCode[] = [
  'UNAVAILABLE',
  'OUTCOME_UNKNOWN',
  'OVERLOADED',
  'LEADERSHIP_LOST',
  'NOT_CONTROLLER',
]
/** Pause before a call that got no answer is made again, ms. */
const AGAIN_AFTER_MS = 500

/**
 * Makes a call that may be made again without harm, until it is answered or the command's patience is over: what is
 * followed goes on whether or not somebody looks.
 *
 * @throws MeridianError of the last try; the signal's reason when interrupted
 */
export async function persistently<T>(context: CommandContext, call: () => Promise<T>): Promise<T> {
  const { clock, signal, options, terminal } = context
  const untilMs = clock.nowMs() + options.timeoutMs
  let said = false
  for (;;) {
    try {
      return await call()
    } catch (error) {
      signal.throwIfAborted()
      if (!isMeridianError(error)) throw error
      if (!UNANSWERED.includes(error.code) || clock.nowMs() >= untilMs) throw error
      if (!said) terminal.note(`no answer, asking again: ${error.code}: ${error.message}`)
      said = true
      await clock.sleep(AGAIN_AFTER_MS, signal)
    }
  }
}

/** Looks at a transfer until it ended, with a line for each phase as it is seen. */
export async function followTransfer(
  context: CommandContext,
  operations: Pick<Operations, 'get'>,
  begun: Operation,
  beganMs: number,
): Promise<TransferProgress> {
  const { terminal, clock, signal } = context
  const operation = operationId(begun.operation)
  const sinceMs = (): number => clock.nowMs() - beganMs
  let progress = beginProgress(begun, sinceMs())
  terminal.note(phaseLine(progress))
  while (!progress.operation.ended) {
    await clock.sleep(LOOK_EVERY_MS, signal)
    const seen = await persistently(context, () => operations.get(operation, callOptions(context)))
    const next = lookAgain(progress, seen, sinceMs())
    if (next.phases.length > progress.phases.length) terminal.note(phaseLine(next))
    progress = next
    if (!seen.ended)
      terminal.progress(`${seen.phase}, ${formatMs(sinceMs())}${seen.note === '' ? '' : `: ${seen.note}`}`)
  }
  return progress
}
