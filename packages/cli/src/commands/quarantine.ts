import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { MeridianClient } from '@meridian/client'
import type { QuarantinedEntry } from '@meridian/protocol'
import { ERROR_TABLE } from '@meridian/protocol'
import { counted, isMeridianError, parseShardId } from '@meridian/topology'
import type { NodeId, RegionId, ShardId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { confirm } from '../confirm.ts'
import { connect } from '../connection.ts'
import { keptJson, keptLines, mergeKept, quarantineJson, quarantineLines } from '../print/quarantine.ts'
import type { QuarantinedShard, SilentNode } from '../print/quarantine.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'

/** A node that needs longer is shown as one that did not tell, ms. */
const ANSWER_MS_MAX = 5000
const LIMIT_DEFAULT = 100
const LIMIT_MAX = 100_000

export function addQuarantine(program: Command): void {
  const group = program
    .command('quarantine')
    .summary('What a lost region had written and others went on without.')
    .description(
      'Entries of logs that a takeover left behind. They are kept, never dropped by themselves: a person looks whether ' +
        'some of them are to be written again.',
    )
  withExamples(group, 'meridian quarantine list', 'meridian quarantine list --shard 12.0')
  addList(group)
  addDrop(group)
}

function addList(group: Command): void {
  const command = group
    .command('list')
    .summary('which nodes keep how much, or the entries of a shard')
    .description(
      'How many entries each node keeps of each shard; with --shard the entries themselves. Of all regions, or the one ' +
        'of --region. Ends with 6 when a node did not tell.',
    )
    .addOption(new Option('--shard <id>', 'the entries of this one').argParser(parseShardId))
    .addOption(new Option('--limit <n>', 'entries shown at most').default(LIMIT_DEFAULT).argParser(limit))
    .action(async (options: { shard?: ShardId; limit: number }, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'map' })
      const { client } = connection
      const { terminal } = context
      const { shards, silent } = await overview(context, client)
      if (options.shard === undefined) {
        terminal.show(
          () => quarantineJson(shards, silent),
          () => quarantineLines(shards, silent, terminal.layout),
        )
      } else {
        const { shard } = options
        const keepers = shards.filter(({ shardId }) => shardId === shard)
        const { entries, more } = await entriesOf(context, client, shard, keepers, options.limit)
        terminal.show(
          () => keptJson(shard, entries, more),
          () => keptLines(entries, more, terminal.layout),
        )
        for (const { node } of silent) terminal.note(`${node} did not tell what it keeps`)
      }
      if (silent.length > 0) context.exitWith(ERROR_TABLE.LINK_LEAK.exit)
    })
  withExamples(command, 'meridian quarantine list --region us-east', 'meridian quarantine list --shard 12.0 --json')
}

function addDrop(group: Command): void {
  const command = group
    .command('drop')
    .summary('forget what is kept of a shard, for good')
    .description('Drops what the nodes keep in quarantine of a shard, of all regions or the one of --region, for good.')
    .argument('<shard>', 'id of the shard', parseShardId)
    .option('--yes', 'do not ask for the id to be typed')
    .action(async (shard: ShardId, options: { yes?: boolean }, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'map' })
      const { client } = connection
      const { shards, silent } = await overview(context, client)
      const keepers = shards.filter(({ shardId }) => shardId === shard)
      const kept = keepers.reduce((sum, { entries }) => sum + entries, 0n)
      if (keepers.length > 0) {
        await confirm(
          context,
          options.yes ?? false,
          `${counted(kept, 'entry', 'entries')} on ${counted(keepers.length, 'node')} will be forgotten.`,
          shard,
        )
      }
      let dropped = 0n
      for (const { region, node } of keepers) {
        const address = addressOf(client, region, node)
        if (address !== undefined) dropped += await client.nodes.dropQuarantine(address, shard, call(context))
      }
      context.terminal.show(
        () => ({ shardId: shard, dropped, nodes: keepers.map(({ node }) => node), silent }),
        () => [`${counted(dropped, 'entry', 'entries')} on ${counted(keepers.length, 'node')} dropped`],
      )
      if (silent.length > 0) context.exitWith(ERROR_TABLE.LINK_LEAK.exit)
    })
  withExamples(command, 'meridian quarantine drop 12.0', 'meridian quarantine drop 12.0 --yes')
}

interface Overview {
  readonly shards: readonly QuarantinedShard[]
  readonly silent: readonly SilentNode[]
}

async function overview(context: CommandContext, client: MeridianClient): Promise<Overview> {
  const { map } = client.router
  const regions = context.options.region === undefined ? [...map.global.regions.keys()] : [context.options.region]
  const nodes = regions.flatMap((region) =>
    [...map.region(region).nodes.values()].map(({ nodeId: node, address, duty }) => ({ region, node, address, duty })),
  )
  const shards: QuarantinedShard[] = []
  const silent: SilentNode[] = []
  await Promise.all(
    nodes.map(async ({ region, node, address, duty }) => {
      try {
        for (const { shardId, quarantinedEntries } of await client.nodes.positions(address, call(context))) {
          if (quarantinedEntries > 0n) shards.push({ region, node, shardId, entries: quarantinedEntries })
        }
      } catch (error) {
        context.signal.throwIfAborted()
        if (!isMeridianError(error)) throw error
        // One that has left for good is not expected to answer.
        if (duty !== 'decommissioned') silent.push({ region, node, error: `${error.code}: ${error.message}` })
      }
    }),
  )
  const order = (a: SilentNode | QuarantinedShard): string => `${a.region} ${a.node}`
  return {
    shards: shards.toSorted((a, b) => order(a).localeCompare(order(b)) || a.shardId.localeCompare(b.shardId)),
    silent: silent.toSorted((a, b) => order(a).localeCompare(order(b))),
  }
}

async function entriesOf(
  context: CommandContext,
  client: MeridianClient,
  shard: ShardId,
  keepers: readonly QuarantinedShard[],
  count: number,
) {
  const kept = await Promise.all(
    keepers.map(async ({ region, node }) => {
      const entries: QuarantinedEntry[] = []
      const address = addressOf(client, region, node)
      if (address === undefined) return { node, entries }
      for await (const entry of client.nodes.quarantine(address, shard, call(context))) {
        entries.push(entry)
        // One more than is shown tells that there are more.
        if (entries.length > count) break
      }
      return { node, entries }
    }),
  )
  const merged = mergeKept(kept)
  return { entries: merged.slice(0, count), more: merged.length > count }
}

function addressOf({ router }: MeridianClient, region: RegionId, node: NodeId): string | undefined {
  return router.map.region(region).nodes.get(node)?.address
}

function call({ options, signal }: CommandContext) {
  return { timeoutMs: Math.min(options.timeoutMs, ANSWER_MS_MAX), signal }
}

function limit(text: string): number {
  const value = Number(text)
  if (/^[0-9]{1,6}$/.test(text) && value >= 1 && value <= LIMIT_MAX) return value
  throw new InvalidArgumentError(`Write a whole number from 1 to ${LIMIT_MAX}.`)
}
