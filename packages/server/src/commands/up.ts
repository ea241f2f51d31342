import type { Command } from 'commander'
import { contextOf } from '@meridian/cli'
import type { UpOptions } from '../up.ts'

export function addUpCommand(program: Command): void {
  program
    .command('up')
    .summary('run all regions on this machine, a WAN apart')
    .description(
      'Runs every region of the topology on this machine, with everything between regions led over delayed links, until Ctrl-C. Data is kept.',
    )
    .option('--regions <n>', 'how many regions, in the order of the topology', '3')
    .option('--etcd-members <n>', "members of each region's etcd: 1 or 3", '1')
    .option('--base-port <port>', 'first port; all others are derived from it')
    .option('--fresh', 'start with an empty data folder')
    .addHelpText('after', '\nExample:\n  meridian up --regions 5 --fresh')
    .action(async (_: unknown, command: Command) => {
      const { up } = await import('../up.ts')
      await up(command.optsWithGlobals<UpOptions>(), contextOf(command).signal)
    })
}
