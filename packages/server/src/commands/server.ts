import type { Command } from 'commander'
import { contextOf } from '@meridian/cli'
import { MeridianError } from '@meridian/topology'
import { PROTO_DIR } from '../paths.ts'
import type { ProcessOptions } from './run-process.ts'

export function addServerCommand(program: Command): void {
  program
    .command('server')
    .summary('run one region server')
    .description('Runs one region server until SIGTERM: agent, controller, publisher, snapshots, API.')
    .requiredOption('--config <file>', "the region's meridian.yaml")
    .requiredOption('--id <id>', 'which of its servers this is')
    .option('--log-level <level>', 'debug, info, warn or error', 'info')
    .addHelpText(
      'after',
      '\nExample:\n  meridian server --config regions/us-east/meridian.yaml --id us-east-s1 --data /var/lib/meridian/s1',
    )
    .action(async (_: unknown, command: Command) => {
      const options = command.optsWithGlobals<ProcessOptions>()
      const { signal } = contextOf(command)
      const { runProcess } = await import('./run-process.ts')
      const { startServerProcess } = await import('../region-server.ts')
      await runProcess('server', options, signal, ({ config, ...context }) => {
        const place = config.servers.find((each) => each.id === options.id)
        if (place === undefined) {
          const known = config.servers.map((each) => each.id).join(', ')
          throw new MeridianError(
            'CONFIG_INVALID',
            `${options.config} names no server ${options.id}; it names: ${known || 'none'}`,
          )
        }
        return startServerProcess({ config, place, protoDir: PROTO_DIR, ...context })
      })
    })
}
