import type { Command } from 'commander'
import { contextOf } from '@meridian/cli'
import type { DemoOptions } from '../demo.ts'

export function addDemoCommand(program: Command): void {
  program
    .command('demo')
    .summary('the main job on real input, with verdicts')
    .description(
      'Brings three regions up, loads the cities of the world, and shows routing, fencing, failover and the latency tax; ends with a verdict per claim, computed from what was recorded.',
    )
    .option('--act <name...>', 'only these acts (up and load are always played)')
    .option('--places <n>', 'load only so many places')
    .option('--base-port <port>', 'first port; all others are derived from it')
    .addHelpText('after', '\nExample:\n  meridian demo --json > report.json')
    .action(async (_: unknown, command: Command) => {
      const { demo } = await import('../demo.ts')
      contextOf(command).exitWith(await demo(command.optsWithGlobals<DemoOptions>(), contextOf(command).signal))
    })
}
