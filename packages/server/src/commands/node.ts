import type { Command } from 'commander'
import { contextOf } from '@meridian/cli'
import { MeridianError } from '@meridian/topology'
import type { ProcessOptions } from './run-process.ts'

/** Gives `meridian node`, which the client commands have added, what it does without a command below it. */
export function addNodeCommand(program: Command): void {
  const node = program.commands.find((command) => command.name() === 'node')
  if (node === undefined) throw new Error('assertion: there is no command node to add to')
  node
    .description(
      'With --config and --id: runs one reference data node until SIGTERM, with a replicated log per shard, fence, ' +
        'leases and storage. Else takes work off a node that runs.',
    )
    // Options that commander requires would be required of the commands below as well.
    .option('--config <file>', "to run one: the region's meridian.yaml")
    .option('--id <id>', 'to run one: which of its nodes this is')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .addHelpText(
      'after',
      '\nExample:\n  meridian node --config regions/us-east/meridian.yaml --id us-east-n1 --data /var/lib/meridian/n1',
    )
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<ProcessOptions>()
      for (const name of ['config', 'id'] as const) {
        // Typed as given; here it is found out.
        const given: string | undefined = options[name]
        if (given === undefined) {
          throw new MeridianError('INVALID_ARGUMENT', `to run a node --${name} is needed; see: meridian node --help`)
        }
      }
      const { signal } = contextOf(command)
      const { runProcess } = await import('./run-process.ts')
      const { startDataNode } = await import('../data-node.ts')
      await runProcess('node', options, signal, ({ config, ...context }) => {
        const place = config.nodes.find((each) => each.id === options.id)
        if (place === undefined) {
          const known = config.nodes.map((each) => each.id).join(', ')
          throw new MeridianError(
            'CONFIG_INVALID',
            `${options.config} names no node ${options.id}; it names: ${known || 'none'}`,
          )
        }
        return startDataNode({ config, place, ...context })
      })
    })
}
