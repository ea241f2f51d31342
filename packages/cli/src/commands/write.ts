import type { Command } from 'commander'
import { formatKey, MeridianError } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { formatKeyPath, parseKeyPath } from '../key-path.ts'
import type { KeyPath } from '../key-path.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { readValue } from '../stdin-value.ts'
import { callOptions } from './range-results.ts'

export function addPut(program: Command): void {
  const command = program
    .command('put')
    .summary('Write the value of a key.')
    .description('Write the value of a key: once, acknowledged by a write quorum of its region.')
    .argument('<keyspace/key>', 'the key', parseKeyPath)
    .argument('<value>', 'the value; "-" reads it from stdin')
    .action(async (path: KeyPath, text: string, _: object, self: Command) => {
      const context = contextOf(self)
      const value = text === '-' ? await readValue(context.stdin, context.signal) : Buffer.from(text, 'utf8')
      await write(context, path, value)
    })
  withExamples(command, 'meridian put cities/FR/2988507 \'{"name":"Paris"}\'', 'meridian put cities/FR/1 - < value')
}

export function addDelete(program: Command): void {
  const command = program
    .command('delete')
    .summary('Delete a key.')
    .description('Delete a key; done also when there was none.')
    .argument('<keyspace/key>', 'the key', parseKeyPath)
    .action(async (path: KeyPath, _: object, self: Command) => write(contextOf(self), path, undefined))
  withExamples(command, 'meridian delete cities/FR/2988507')
}

async function write(context: CommandContext, path: KeyPath, value: Uint8Array | undefined): Promise<void> {
  await using connection = await connect(context, { need: 'map' })
  const { keyspace, key } = path
  const [outcome] = await connection.client.write(keyspace, [{ key, value }], callOptions(context))
  if (outcome === undefined) throw new Error('one write, no outcome')
  if (outcome.status === 'ok') {
    const { index, duplicate } = outcome
    context.terminal.show(
      () => ({ keyspace, key: formatKey(key), status: 'ok', index, duplicate }),
      () => [`ok, at index ${index} of the shard's log`],
    )
    return
  }
  const advice =
    outcome.status === 'unknown'
      ? `; the write may have had its effect, or may yet have it: read it with: meridian get ${formatKeyPath(path)}`
      : ''
  throw new MeridianError(outcome.code, outcome.message + advice, { details: { status: outcome.status } })
}
