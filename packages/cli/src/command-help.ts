import type { Command } from 'commander'

/** Every command shows how it is called; a test walks the tree and looks. */
export function withExamples(command: Command, ...examples: readonly string[]): Command {
  const lines = ['', examples.length === 1 ? 'Example:' : 'Examples:', ...examples.map((example) => `  ${example}`)]
  return command.addHelpText('after', [...lines, '', 'Options of every command: meridian --help'].join('\n'))
}
