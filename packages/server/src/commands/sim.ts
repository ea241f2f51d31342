import { Option } from 'commander'
import type { Command } from 'commander'
import { contextOf } from '@meridian/cli'
import type { SimOptions } from '../sim.ts'

export function addSimCommand(program: Command): void {
  program
    .command('sim')
    .summary('whole worlds in virtual time, from seeds, with faults')
    .description(
      'Runs simulated worlds: region servers, nodes and clients as they are, on a network, stores, disks and clocks ' +
        'that fail as the seed says, down to whole regions. Each is judged by every checker; the same seed gives the ' +
        'same run. What was exercised is told in the end; 20 worlds without a takeover or a transfer prove nothing.',
    )
    .option('--seeds <n>', 'how many worlds', '20')
    .option('--seed <s>', 'the first seed; default: by the clock')
    .addOption(new Option('--profile <name>', 'how large the worlds are').choices(['small', 'large']).default('small'))
    .option('--check-determinism', 'run each seed twice and compare the traces')
    .option('--mutants', 'instead: break the program on purpose, and see that the named checkers notice')
    .option('--mutant <name...>', 'with --mutants: only these')
    .option('--replay <file>', 'instead: a run that failed and was kept')
    .addHelpText(
      'after',
      '\nExamples:\n  meridian sim --seeds 200 --json > runs.jsonl\n  meridian sim --seed 7 --seeds 1 --check-determinism' +
        '\n  meridian sim --mutants\n\nA run that fails is cut down to fewer faults and kept under --data (default .meridian/sim).',
    )
    .action(async (_: unknown, command: Command) => {
      const { sim } = await import('../sim.ts')
      contextOf(command).exitWith(await sim(command.optsWithGlobals<SimOptions>(), contextOf(command).signal))
    })
}
