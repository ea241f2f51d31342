import type { Command } from 'commander'
import { Option } from 'commander'
import type { MeridianClient } from '@meridian/client'
import { counted, nodeId } from '@meridian/topology'
import type { NodeId, RegionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { confirm } from '../confirm.ts'
import { connect } from '../connection.ts'
import { persistently } from '../following.ts'
import { printable } from '../printable.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { callOptions } from './range-results.ts'

/** Pause between two looks at what a node still has, ms. */
const LOOK_EVERY_MS = 500

interface DrainOptions {
  readonly wait: boolean
}

/** Others may add to it what runs one. */
export function addNode(program: Command): void {
  const group = program
    .command('node')
    .summary('Take work off a data node, or run one.')
    .description('Data nodes: taking work off one.')
  withExamples(group, 'meridian node drain us-east-n1')
  const drainCommand = group
    .command('drain')
    .summary('take every leadership off a node')
    .description(
      'Takes every leadership off a data node and names it no leader from then on, except where nobody else could lead; ' +
        'its replicas stay and follow. Ends when it leads nothing.',
    )
    .argument('<node>', 'the node', nodeId)
    .addOption(noWaitOption())
    .action(async (node: NodeId, options: DrainOptions, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: needOf(context) })
      await drain(context, connection.client, node, { decommission: false, force: false }, options.wait)
    })
  withExamples(drainCommand, 'meridian node drain us-east-n1')

  const decommission = group
    .command('decommission')
    .summary('take everything off a node, for good')
    .description(
      'As drain, and its replicas move to other nodes of the region; when it holds nothing its id has had its life. ' +
        'Interrupted, it goes on emptying, and the same command ends it later. --force is for a node that is gone: its ' +
        'replicas count as lost and are made anew elsewhere.',
    )
    .argument('<node>', 'the node', nodeId)
    .addOption(noWaitOption())
    .option('--force', 'at once, whatever it holds')
    .option('--yes', 'with --force: do not ask for the name of the node to be typed')
    .action(async (node: NodeId, options: DrainOptions & { force?: boolean; yes?: boolean }, self: Command) => {
      const context = contextOf(self)
      const { force = false, yes = false } = options
      if (force) await confirm(context, yes, `Whatever ${node} holds counts as lost, for good.`, node)
      await using connection = await connect(context, { need: needOf(context) })
      await drain(context, connection.client, node, { decommission: true, force }, options.wait)
    })
  withExamples(
    decommission,
    'meridian node decommission us-east-n1',
    'meridian node decommission us-east-n1 --force --yes',
  )

  const undrain = group
    .command('undrain')
    .summary('let a drained node lead and hold again')
    .description(
      'Ends a drain, or a decommission that is not over: the node may lead and hold shards again. Nothing moves back by itself.',
    )
    .argument('<node>', 'the node', nodeId)
    .action(async (node: NodeId, _: object, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: needOf(context) })
      const { operations } = connection.client
      const region = regionOf(context, connection.client, node)
      await persistently(context, () => operations.undrainNode(node, region, callOptions(context)))
      context.terminal.show(
        () => ({ node, duty: 'serving' }),
        () => [`${node} serves again`],
      )
    })
  withExamples(undrain, 'meridian node undrain us-east-n1')
}

const noWaitOption = (): Option => new Option('--no-wait', 'end as soon as it is decided')

/** Asking again is how to look: the answer says what is left. */
async function drain(
  context: CommandContext,
  client: MeridianClient,
  node: NodeId,
  how: { readonly decommission: boolean; readonly force: boolean },
  wait: boolean,
): Promise<void> {
  const { terminal, clock, signal } = context
  const { operations } = client
  const region = regionOf(context, client, node)
  const ask = () => persistently(context, () => operations.drainNode(node, how, region, callOptions(context)))
  let left = await ask()
  const isOver = (): boolean => (how.decommission ? left.duty === 'decommissioned' : left.shardsLed === 0)
  const line = (): string =>
    printable(`${node} is ${left.duty}: it leads ${counted(left.shardsLed, 'shard')} and holds ${left.shardsHeld}`)
  try {
    while (wait && !isOver()) {
      terminal.progress(line())
      await clock.sleep(LOOK_EVERY_MS, signal)
      left = await ask()
    }
  } catch (error) {
    terminal.note(`${node} goes on emptying; end that with: meridian node undrain ${node}`)
    throw error
  }
  terminal.show(
    () => ({ node, ...left, over: isOver() }),
    () => [line()],
  )
}

/** Told where the node is, nothing else of the map has to be there. */
function needOf({ options }: CommandContext): 'nothing' | 'map' {
  return options.region === undefined ? 'map' : 'nothing'
}

/** The region of --region, else the one whose map has the node; undefined leaves it to the server to say no. */
function regionOf({ options }: CommandContext, { router }: MeridianClient, node: NodeId): RegionId | undefined {
  if (options.region !== undefined) return undefined
  const { map } = router
  return [...map.global.regions.keys()].find((region) => map.region(region).nodes.has(node))
}
