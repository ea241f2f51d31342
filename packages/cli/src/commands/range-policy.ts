import type { Command } from 'commander'
import { Option } from 'commander'
import { FAILOVER_POLICIES, MeridianError, regionId } from '@meridian/topology'
import type { FailoverPolicy, Generation, RegionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { durationMs } from '../duration.ts'
import { parseKeyPath } from '../key-path.ts'
import type { KeyPath } from '../key-path.ts'
import { expectOption, mutate, operationOption } from '../mutation.ts'
import type { MutationOptions } from '../mutation.ts'
import { rangeJson, rangeLines } from '../print/ranges.ts'
import { contextOf } from '../program.ts'
import { callOptions, showMutated } from './range-results.ts'

interface PolicyOptions extends MutationOptions {
  readonly failover: FailoverPolicy
  readonly budget?: number
}

export function addRangePolicy(group: Command): void {
  const command = group
    .command('policy')
    .summary('who may take a range from a silent region')
    .description(
      'Who may take the range when its region falls silent. auto: the failover authority, after some ten seconds. ' +
        'manual: only a person; the region may then go on writing for --budget after its last contact.',
    )
    .argument('<keyspace/key>', 'a key of the range', parseKeyPath)
    .addOption(
      new Option('--failover <policy>', 'who takes it over').choices([...FAILOVER_POLICIES]).makeOptionMandatory(),
    )
    .addOption(
      new Option('--budget <duration>', 'with manual: how long the region goes on alone').argParser(durationMs),
    )
    .addOption(operationOption())
    .action(async (path: KeyPath, options: PolicyOptions, self: Command) => {
      const context = contextOf(self)
      const { terminal } = context
      const { failover, budget: budgetMs = 0 } = options
      if (failover === 'auto' && budgetMs > 0) {
        throw new MeridianError(
          'INVALID_ARGUMENT',
          'a budget goes with --failover manual: else two regions could write at once',
        )
      }
      await using connection = await connect(context, { need: 'nothing' })
      const { operations } = connection.client
      const { operation, result: range } = await mutate(context, options, (id) =>
        operations.setPolicy(id, path, { failover, budgetMs }, callOptions(context)),
      )
      terminal.show(
        () => ({ operation, range: rangeJson(range) }),
        () => rangeLines([range], terminal.layout),
      )
    })
  withExamples(
    command,
    'meridian range policy cities/FR --failover manual --budget 10m',
    'meridian range policy cities/FR --failover auto',
  )
}

interface StandbyOptions extends MutationOptions {
  readonly set: readonly RegionId[]
  readonly expectGeneration?: Generation
}

export function addRangeStandbys(group: Command): void {
  const command = group
    .command('standbys')
    .summary('which regions follow a range')
    .description('The regions that copy a range and may take it over, best first. Its owner stays.')
    .argument('<keyspace/key>', 'a key of the range', parseKeyPath)
    .addOption(
      new Option('--set <region,...>', 'these, and no others; "none" for none')
        .argParser(regions)
        .makeOptionMandatory(),
    )
    .addOption(operationOption())
    .addOption(expectOption('the range'))
    .action(async ({ keyspace, key }: KeyPath, options: StandbyOptions, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'regions' })
      const { control } = connection.client
      const range = await control.lookup(keyspace, key, false, callOptions(context))
      const { start, owner } = range
      // The owner read above is only meant while it is the owner.
      const expected = [{ start, generation: options.expectGeneration ?? range.generation }]
      const done = await mutate(context, options, (id) =>
        control.assign(id, keyspace, [{ start, owner, standbys: options.set }], expected, callOptions(context)),
      )
      // Nothing is decided where it is so already: then the range is shown as it is.
      const { ranges } = done.result
      showMutated(context, { ...done, result: { ...done.result, ranges: ranges.length === 0 ? [range] : ranges } })
    })
  withExamples(command, 'meridian range standbys cities/FR --set us-east,ap-southeast')
}

function regions(text: string): readonly RegionId[] {
  return text === 'none' ? [] : text.split(',').map((part) => regionId(part.trim()))
}
