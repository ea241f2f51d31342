import type { Command } from 'commander'
import { contextOf } from '@meridian/cli'
import type { BenchOptions } from '../bench.ts'

export function addBenchCommands(program: Command): void {
  const bench = program.command('bench').summary('measure, against a floor or a peer of the same run')
  bench
    .command('latency-tax')
    .summary('what a commit costs against the floor that distance sets')
    .description(
      'Starts a world with measured links and, for every place of the global leader and every client region, measures raw etcd without links, over links of 0 ms and over the delayed links, and our API beside it. Prints where the time goes and which goals are met; writes the results and a page about them.',
    )
    .option('--topology <name>', 'a matrix of regions/wan and how many of its regions', 'aws-3')
    .option('--matrix <file>', 'round trips of your own, YAML as in regions/wan or CSV; all of its regions take part')
    .option('--samples <n>', 'samples of every run of every cell (default 100, with --quick 30)')
    .option('--rate <n>', 'commits per second, over all kinds', '60')
    .option('--quick', 'fewer samples: a look, not a result')
    .option('--out <dir>', 'where results are written (default bench/results)')
    .option('--strict', 'exit 6 unless every goal is met in every cell')
    .option('--base-port <port>', 'first port; all others are derived from it')
    .addHelpText('after', '\nExample:\n  meridian bench latency-tax --topology aws-3 --quick')
    .action(async (_: unknown, command: Command) => {
      const { benchLatencyTax } = await import('../bench.ts')
      const context = contextOf(command)
      context.exitWith(await benchLatencyTax(command.optsWithGlobals<BenchOptions>(), context.signal))
    })
}
