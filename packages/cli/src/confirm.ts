import { MeridianError } from '@meridian/topology'
import type { CommandContext } from './program.ts'
import { readLine } from './stdin-value.ts'

/**
 * Lets somebody type `word` before something that cannot be taken back; `given` says that they have agreed already.
 *
 * @throws MeridianError INVALID_ARGUMENT when nobody can be asked; INTERRUPTED when something else was typed
 */
export async function confirm(context: CommandContext, given: boolean, question: string, word: string): Promise<void> {
  if (given) return
  const { terminal, stdin, signal } = context
  if (stdin.isTTY !== true || !terminal.interactive) {
    throw new MeridianError('INVALID_ARGUMENT', `${question} Nobody can be asked here: confirm with --yes`)
  }
  terminal.note(`${question} Type ${word} to go on:`)
  const typed = await readLine(stdin, signal)
  if (typed.trim() !== word) throw new MeridianError('INTERRUPTED', `${word} was not typed; nothing was done`)
}
