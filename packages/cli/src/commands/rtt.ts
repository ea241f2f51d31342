import type { Command } from 'commander'
import { withExamples } from '../command-help.ts'
import { connectAt } from '../connection.ts'
import { findPlaces } from '../place.ts'
import { rttJson, rttLines } from '../print/rtt.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { showing, WATCH_HELP } from '../watching.ts'

export function addRtt(program: Command): void {
  const command = program
    .command('rtt')
    .summary('How far the regions are apart, as they measure it.')
    .description(
      'Round trips between region servers, from small probes every two seconds, with the way there alone as far as ' +
        'clocks can tell. One server is asked; it has heard from the others what they measured.',
    )
    .option('--watch', WATCH_HELP)
    .action(async (options: { watch?: boolean }, self: Command) => rtt(contextOf(self), options.watch ?? false))
  withExamples(command, 'meridian rtt', 'meridian rtt --region eu-west --watch')
}

async function rtt(context: CommandContext, watch: boolean): Promise<void> {
  const { options, signal, terminal } = context
  const [home] = await findPlaces(options)
  await using connection = await connectAt(context, home, { need: 'nothing' })
  await showing(context, watch, async () => {
    const rtts = await connection.client.control.rtts(undefined, { timeoutMs: options.timeoutMs, signal })
    return { json: rttJson(rtts), lines: rttLines(rtts, terminal.layout) }
  })
}
