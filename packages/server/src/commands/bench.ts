import type { Command } from 'commander'
import { contextOf } from '@meridian/cli'
import type { LatencyTaxOptions } from '../bench/latency-tax.ts'
import type { LeaderShiftCommandOptions } from '../bench/leader-shift.ts'
import type { OutageBenchOptions } from '../bench/outage.ts'

export function addBenchCommands(program: Command): void {
  const bench = program.command('bench').summary('measure, against a floor or a peer of the same run')
  const latencyTax = bench
    .command('latency-tax')
    .summary('what a commit costs against the floor that distance sets')
    .description(
      'Starts a world with measured links and, for every place of the global leader and every client region, measures raw etcd without links, over links of 0 ms and over the delayed links, and our API beside it. Prints where the time goes and which goals are met; writes the results and a page about them.',
    )
  worldArguments(latencyTax)
    .option('--samples <n>', 'samples of every run of every cell (default 100, with --quick 30)')
    .option('--rate <n>', 'commits per second, over all kinds', '20')
    .addHelpText('after', '\nExample:\n  meridian bench latency-tax --topology aws-3 --quick')
    .action(async (_: unknown, command: Command) => {
      const { benchLatencyTax } = await import('../bench/latency-tax.ts')
      const context = contextOf(command)
      context.exitWith(await benchLatencyTax(command.optsWithGlobals<LatencyTaxOptions>(), context.signal))
    })

  const leaderShift = bench
    .command('leader-shift')
    .summary('what the placer makes of a shift of demand, and what its move costs')
    .description(
      'Starts a world with measured links, asks for commits from one region and then from another until the placer has moved the global leader, and compares what commits take with what the placer predicted. Prints the longest time without an answer around the move and every failed request; writes the results.',
    )
  worldArguments(leaderShift)
    .option('--seconds <n>', 'how long each phase is measured (default 60, with --quick 15)')
    .option('--rate <n>', 'commits per second', '20')
    .addHelpText('after', '\nExample:\n  meridian bench leader-shift --topology aws-3')
    .action(async (_: unknown, command: Command) => {
      const { benchLeaderShift } = await import('../bench/leader-shift.ts')
      const context = contextOf(command)
      context.exitWith(await benchLeaderShift(command.optsWithGlobals<LeaderShiftCommandOptions>(), context.signal))
    })

  bench
    .command('render')
    .summary('pages, pictures and figures of the documents anew from bench/results')
    .description(
      'Writes the page and the picture of each results file, and the figures in README.md and docs/latency-tax.md, from bench/results/*.jsonl. Run it after a benchmark whose results are to stay.',
    )
    .option('--check', 'change nothing; end with 1 if something is not what the results say')
    .addHelpText('after', '\nExample:\n  meridian bench render')
    .action(async (options: { check?: boolean }, command: Command) => {
      const { benchRender } = await import('../bench/render.ts')
      contextOf(command).exitWith(await benchRender(options))
    })
  outage(
    bench
      .command('failover')
      .summary('how long shards go unwritten after SIGKILL of the node that leads them')
      .option('--kills <n>', 'nodes killed, one after the other (default 30)')
      .option('--node-lease <ms>', 'lease of a node; its wait follows from it (default 6000)'),
    async (options, signal) => (await import('../bench/outage.ts')).benchFailover(options, signal),
  )
  outage(
    bench
      .command('transfer')
      .summary('how long a shard goes unwritten while its range moves to another region')
      .option('--transfers <n>', 'to and fro (default 20)'),
    async (options, signal) => (await import('../bench/outage.ts')).benchTransfer(options, signal),
  )
  outage(
    bench
      .command('region-loss')
      .summary('SIGKILL of a whole region: first write and last range elsewhere')
      .option('--ranges <n>', 'ranges of the region that is lost (default 4000)')
      .option('--with-leader', 'the global tier is led from the region that is lost'),
    async (options, signal) => (await import('../bench/outage.ts')).benchRegionLoss(options, signal),
  )
}

/** The options that all benchmarks of an outage share. */
function outage(command: Command, run: (options: OutageBenchOptions, signal: AbortSignal) => Promise<number>): void {
  command
    .option('--writes <n>', 'writes per second, open loop')
    .option('--out <dir>', 'where results are written (default bench/results, with --quick .meridian/bench/results)')
    .option('--base-port <port>', 'first port; all others are derived from it')
    .action(async (_: unknown, self: Command) => {
      const context = contextOf(self)
      context.exitWith(await run(self.optsWithGlobals<OutageBenchOptions>(), context.signal))
    })
}

function worldArguments(command: Command): Command {
  return command
    .option('--topology <name>', 'a matrix of regions/wan and how many of its regions', 'aws-3')
    .option('--matrix <file>', 'round trips of your own instead, YAML as in regions/wan or CSV')
    .option('--regions <region,...>', 'of the --matrix only these')
    .option('--quick', 'a look, not a result')
    .option('--out <dir>', 'where results are written (default bench/results)')
    .option('--strict', 'exit 6 unless every goal is met')
    .option('--base-port <port>', 'first port; all others are derived from it')
}
