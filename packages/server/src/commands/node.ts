import type { Command } from 'commander'
import { contextOf } from '@meridian/cli'
import { MeridianError } from '@meridian/topology'
import type { ProcessOptions } from './run-process.ts'

export function addNodeCommand(program: Command): void {
  program
    .command('node')
    .summary('run one reference data node')
    .description('Runs one reference data node until SIGTERM: replicated log per shard, fence, leases, storage.')
    .requiredOption('--config <file>', "the region's meridian.yaml")
    .requiredOption('--id <id>', 'which of its nodes this is')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .addHelpText(
      'after',
      '\nExample:\n  meridian node --config regions/us-east/meridian.yaml --id us-east-n1 --data /var/lib/meridian/n1',
    )
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<ProcessOptions>()
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
