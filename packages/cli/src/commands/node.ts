import type { Command } from 'commander'
import type { MeridianClient } from '@meridian/client'
import { nodeId } from '@meridian/topology'
import type { NodeId, RegionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { persistently } from '../following.ts'
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
  addDrain(group, 'drain', {
    decommission: false,
    summary: 'take every leadership off a node',
    description:
      'Takes every leadership off a data node and names it no leader from then on; its replicas stay and follow. ' +
      'Ends when it leads nothing.',
  })
  addDrain(group, 'decommission', {
    decommission: true,
    summary: 'take everything off a node, for good',
    description:
      'As drain, and its replicas move to other nodes of the region. Ends when it holds nothing; interrupted, the ' +
      'moves go on.',
  })
  const undrain = group
    .command('undrain')
    .summary('let a drained node lead and hold again')
    .description(
      'Ends a drain or a decommission: the node may lead and hold shards again. Nothing moves back by itself.',
    )
    .argument('<node>', 'the node', nodeId)
    .action(async (node: NodeId, _: object, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'map' })
      const { operations } = connection.client
      const region = regionOf(context, connection.client, node)
      await persistently(context, () => operations.undrainNode(node, region, callOptions(context)))
      context.terminal.show(
        () => ({ node, drained: false }),
        () => [`${node} is no longer drained`],
      )
    })
  withExamples(undrain, 'meridian node undrain us-east-n1')
}

function addDrain(
  group: Command,
  name: string,
  kind: { readonly decommission: boolean; readonly summary: string; readonly description: string },
): void {
  const command = group
    .command(name)
    .summary(kind.summary)
    .description(kind.description)
    .argument('<node>', 'the node', nodeId)
    .option('--no-wait', 'end as soon as it is decided')
    .action(async (node: NodeId, options: DrainOptions, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'map' })
      await drain(context, connection.client, node, kind.decommission, options.wait)
    })
  withExamples(command, `meridian node ${name} us-east-n1`)
}

/** Asking again is how to look: the answer says what is left. */
async function drain(
  context: CommandContext,
  client: MeridianClient,
  node: NodeId,
  decommission: boolean,
  wait: boolean,
): Promise<void> {
  const { terminal, clock, signal } = context
  const { operations } = client
  const region = regionOf(context, client, node)
  const ask = () => persistently(context, () => operations.drainNode(node, decommission, region, callOptions(context)))
  let left = await ask()
  const isEmpty = (): boolean => left.shardsLed === 0 && (!decommission || left.shardsHeld === 0)
  const line = (): string => `${node} leads ${left.shardsLed} shards and holds ${left.shardsHeld}`
  try {
    while (wait && !isEmpty()) {
      terminal.progress(line())
      await clock.sleep(LOOK_EVERY_MS, signal)
      left = await ask()
    }
  } catch (error) {
    terminal.note(`${node} stays drained and goes on emptying; end that with: meridian node undrain ${node}`)
    throw error
  }
  terminal.show(
    () => ({ node, drained: true, decommission, ...left, empty: isEmpty() }),
    () => [line()],
  )
}

/** The region of --region, else the one whose map has the node; undefined leaves it to the server to say no. */
function regionOf({ options }: CommandContext, { router }: MeridianClient, node: NodeId): RegionId | undefined {
  if (options.region !== undefined) return undefined
  const { map } = router
  return [...map.global.regions.keys()].find((region) => map.region(region).nodes.has(node))
}
