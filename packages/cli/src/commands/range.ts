import type { Command } from 'commander'
import { Option } from 'commander'
import type { Control, Expected } from '@meridian/client'
import { keyspaceName, MeridianError, parseKey, regionId } from '@meridian/topology'
import type { Generation, Key, KeyspaceName, RegionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { expectedStarts } from '../expected-starts.ts'
import { parseKeyPath } from '../key-path.ts'
import type { KeyPath } from '../key-path.ts'
import { expectOption, mutate, operationOption } from '../mutation.ts'
import type { MutationOptions } from '../mutation.ts'
import { rangeJson, rangeLines } from '../print/ranges.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { standbyOption } from './keyspace.ts'
import { addRangePolicy, addRangeStandbys } from './range-policy.ts'
import { callOptions, showMutated, showRange } from './range-results.ts'
import { addRangeTransfer } from './range-transfer.ts'

interface ChangeOptions extends MutationOptions {
  readonly expectGeneration?: Generation
}

export function addRange(program: Command): void {
  const group = program.command('range').description('Look at ranges and change who owns them.')
  withExamples(group, 'meridian range list cities')
  addList(group)
  addLookup(group)
  addSplit(group)
  addMerge(group)
  addAssign(group)
  addOpen(group)
  addRangeTransfer(group)
  addRangePolicy(group)
  addRangeStandbys(group)
}

const localOption = (): Option => new Option('--local', 'what the server has applied, without asking the global tier')

function addList(group: Command): void {
  const command = group
    .command('list')
    .description('List ranges in key order, of one keyspace or of all.')
    .argument('[keyspace]', 'name of the keyspace', keyspaceName)
    .addOption(localOption())
    .action(async (keyspace: KeyspaceName | undefined, options: { local?: boolean }, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'nothing' })
      const { control } = connection.client
      const { ranges, revision } = await control.list(keyspace, options.local ?? false, callOptions(context))
      if (keyspace !== undefined && ranges.length === 0) {
        throw new MeridianError('KEYSPACE_UNKNOWN', `there is no keyspace ${keyspace}`)
      }
      context.terminal.show(
        () => ({ ranges: ranges.map(rangeJson), revision }),
        () => rangeLines(ranges, context.terminal.layout),
      )
    })
  withExamples(command, 'meridian range list', 'meridian range list cities --local')
}

function addLookup(group: Command): void {
  const command = group
    .command('lookup')
    .description('The range that holds a key.')
    .argument('<keyspace/key>', 'the key', parseKeyPath)
    .addOption(localOption())
    .action(async (path: KeyPath, options: { local?: boolean }, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'nothing' })
      const { control } = connection.client
      showRange(context, await control.lookup(path.keyspace, path.key, options.local ?? false, callOptions(context)))
    })
  withExamples(command, 'meridian range lookup cities/FR/2988507')
}

function addSplit(group: Command): void {
  const command = group
    .command('split')
    .description('Make each key the start of a range. An active range splits only where two of its shards meet.')
    .argument('<keyspace>', 'name of the keyspace', keyspaceName)
    .argument('<key...>', 'where to split', (text: string, before?: readonly Key[]) => [
      ...(before ?? []),
      parseKey(text),
    ])
    .addOption(operationOption())
    .addOption(expectOption('the range that is split'))
    .action(async (keyspace: KeyspaceName, at: readonly Key[], options: ChangeOptions, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'regions' })
      const { control } = connection.client
      const expected = await expectedBefore(context, control, keyspace, at, options)
      const done = await mutate(context, options, (operation) =>
        control.split(operation, keyspace, at, expected, callOptions(context)),
      )
      showMutated(context, done)
    })
  withExamples(command, 'meridian range split cities FR GB IT')
}

function addMerge(group: Command): void {
  const command = group
    .command('merge')
    .description('Make one range of the two that meet at a key.')
    .argument('<keyspace>', 'name of the keyspace', keyspaceName)
    .argument('<key>', 'the bound that disappears', parseKey)
    .addOption(operationOption())
    .addOption(expectOption('the range below the key'))
    .action(async (keyspace: KeyspaceName, at: Key, options: ChangeOptions, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'regions' })
      const { control } = connection.client
      const expected = await expectedBefore(context, control, keyspace, [at], options)
      const done = await mutate(context, options, (operation) =>
        control.merge(operation, keyspace, at, expected, callOptions(context)),
      )
      showMutated(context, done)
    })
  withExamples(command, 'meridian range merge cities GB')
}

function addAssign(group: Command): void {
  const command = group
    .command('assign')
    .description('Give a vacant range to a region.')
    .argument('<keyspace/start>', 'where the range starts', parseKeyPath)
    .addOption(new Option('--to <region>', 'region that shall own it').argParser(regionId).makeOptionMandatory())
    .addOption(standbyOption())
    .addOption(operationOption())
    .addOption(expectOption('the range'))
    .action(
      async (
        { keyspace, key: start }: KeyPath,
        options: ChangeOptions & { to: RegionId; standby?: readonly RegionId[] },
        self: Command,
      ) => {
        const context = contextOf(self)
        await using connection = await connect(context, { need: 'regions' })
        const { control } = connection.client
        const assignments = [{ start, owner: options.to, standbys: options.standby ?? [] }]
        const { expectGeneration: generation } = options
        const expected = generation === undefined ? [] : [{ start, generation }]
        const done = await mutate(context, options, (operation) =>
          control.assign(operation, keyspace, assignments, expected, callOptions(context)),
        )
        showMutated(context, done)
      },
    )
  withExamples(command, 'meridian range assign cities/FR --to eu-west --standby us-east')
}

function addOpen(group: Command): void {
  const command = group
    .command('open')
    .description(
      'Open a vacant range in its owner region, as one shard or as several; it can take writes from then on.',
    )
    .argument('<keyspace/start>', 'where the range starts', parseKeyPath)
    .addOption(
      new Option('--shards-at <key,key...>', 'inner bounds of its shards; \\x2c stands for a comma').argParser(
        (text: string, before?: readonly Key[]) => [...(before ?? []), ...text.split(',').map(parseKey)],
      ),
    )
    .addOption(operationOption())
    .action(
      async (
        { keyspace, key: start }: KeyPath,
        options: MutationOptions & { shardsAt?: readonly Key[] },
        self: Command,
      ) => {
        const context = contextOf(self)
        await using connection = await connect(context, { need: 'regions' })
        const { control } = connection.client
        const openings = [{ start, shardBounds: options.shardsAt ?? [] }]
        const done = await mutate(context, options, (operation) =>
          control.open(operation, keyspace, openings, callOptions(context)),
        )
        showMutated(context, done)
      },
    )
  withExamples(command, 'meridian range open cities/FR', 'meridian range open cities/US --shards-at US/45,US/5')
}

async function expectedBefore(
  context: CommandContext,
  control: Control,
  keyspace: KeyspaceName,
  at: readonly Key[],
  options: ChangeOptions,
): Promise<Expected[]> {
  const { expectGeneration: generation } = options
  if (generation === undefined) return []
  const { ranges } = await control.list(keyspace, false, callOptions(context))
  return expectedStarts(ranges, at).map((start) => ({ start, generation }))
}
