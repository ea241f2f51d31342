import type { Command } from 'commander'
import { Option } from 'commander'
import { keyspaceName, regionId } from '@meridian/topology'
import type { KeyspaceName, RegionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { mutate, operationOption } from '../mutation.ts'
import type { MutationOptions } from '../mutation.ts'
import { keyspaceLines, summarizeKeyspaces } from '../print/ranges.ts'
import { contextOf } from '../program.ts'
import { callOptions, showMutated } from './range-results.ts'

interface CreateOptions extends MutationOptions {
  readonly owner: RegionId
  readonly standby?: readonly RegionId[]
}

export function addKeyspace(program: Command): void {
  const group = program.command('keyspace').description('Create and list keyspaces.')
  withExamples(group, 'meridian keyspace list')

  const create = group
    .command('create')
    .description('Create a keyspace: one vacant range that holds every key, owned by one region.')
    .argument('<name>', 'name of the keyspace', keyspaceName)
    .addOption(new Option('--owner <region>', 'region that owns it').argParser(regionId).makeOptionMandatory())
    .addOption(standbyOption())
    .addOption(operationOption())
    .action(async (keyspace: KeyspaceName, options: CreateOptions, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'regions' })
      const { control } = connection.client
      const done = await mutate(context, options, (operation) =>
        control.createKeyspace(operation, keyspace, options.owner, options.standby ?? [], callOptions(context)),
      )
      showMutated(context, done)
    })
  withExamples(create, 'meridian keyspace create cities --owner us-east --standby eu-west')

  const list = group
    .command('list')
    .description('List keyspaces with the number of their ranges and who owns these.')
    .action(async (_: object, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'nothing' })
      const { ranges, revision } = await connection.client.control.list(undefined, false, callOptions(context))
      const keyspaces = summarizeKeyspaces(ranges)
      context.terminal.show(
        () => ({ keyspaces, revision }),
        () => keyspaceLines(keyspaces, context.terminal.layout),
      )
    })
  withExamples(list, 'meridian keyspace list --json')
}

export function standbyOption(): Option {
  return new Option('--standby <region>', 'region that may take over, best first (repeat)').argParser(
    (text: string, before?: readonly RegionId[]) => [...(before ?? []), regionId(text)],
  )
}
