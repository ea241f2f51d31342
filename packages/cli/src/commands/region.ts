import type { Command } from 'commander'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { regionHealthJson, regionLines } from '../print/regions.ts'
import { contextOf } from '../program.ts'
import { showing, WATCH_HELP } from '../watching.ts'
import { callOptions } from './range-results.ts'
import { addRegionEvacuate, addRegionReturn } from './region-evacuate.ts'
import { addRegionFailover } from './region-failover.ts'

/** Others may add commands below it. */
export function addRegion(program: Command): void {
  const group = program
    .command('region')
    .summary('Whole regions: their health, emptying them, losing them.')
    .description('Whole regions: how they are, moving everything out of one and back, giving one up.')
  withExamples(group, 'meridian region list', 'meridian region evacuate us-east --dry-run')
  addList(group)
  addRegionEvacuate(group)
  addRegionReturn(group)
  addRegionFailover(group)
}

function addList(group: Command): void {
  const command = group
    .command('list')
    .summary('how every region is, as one of them sees it')
    .description(
      'Every region as the server asked sees it: its lease and for how long it was silent, what it owns and follows, ' +
        'for how long its writes go on if the global tier is lost, what works and what does not.',
    )
    .option('--watch', WATCH_HELP)
    .action(async (options: { watch?: boolean }, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'nothing' })
      await showing(context, options.watch ?? false, async () => {
        const regions = await connection.client.operations.regions(undefined, callOptions(context))
        return {
          json: { regions: regions.map(regionHealthJson) },
          lines: regionLines(regions, context.terminal.layout),
        }
      })
    })
  withExamples(command, 'meridian region list', 'meridian region list --region eu-west --watch')
}
