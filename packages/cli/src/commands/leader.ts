import type { Command } from 'commander'
import { MeridianError, regionId } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connectAt } from '../connection.ts'
import type { Connection } from '../connection.ts'
import { findPlaces } from '../place.ts'
import { leaderJson, leaderLines } from '../print/leader.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { showing, WATCH_HELP } from '../watching.ts'

export function addLeader(program: Command): void {
  const leader = program
    .command('leader')
    .summary('Where the leader of the global tier is, and why.')
    .description('The place of the leader of the global tier, which decides what its commits cost.')
  withExamples(leader, 'meridian leader explain', 'meridian leader prefer eu-west')

  const explain = leader
    .command('explain')
    .summary('every candidate with its cost, and why the leader moved or stayed')
    .description(
      'What each voter would cost as leader, from round trips and demand as measured, and what was decided. Columns ' +
        'of regions have the least that a commit from there would take, ms.',
    )
    .option('--watch', WATCH_HELP)
    .action(async (options: { watch?: boolean }, self: Command) => explained(contextOf(self), options.watch ?? false))
  withExamples(explain, 'meridian leader explain', 'meridian leader explain --json')

  const prefer = leader
    .command('prefer')
    .summary('state where the leader should be, or that costs decide')
    .description(
      'States a region, which from then on counts more than any cost; the leader moves there within seconds, if its ' +
        'voter is well. --clear lets costs decide again.',
    )
    .argument('[region]', 'where a voter of the global tier is', regionId)
    .option('--clear', 'withdraw the preference')
    .action(async (region: RegionId | undefined, options: { clear?: boolean }, self: Command) =>
      preferred(contextOf(self), region, options.clear ?? false),
    )
  withExamples(prefer, 'meridian leader prefer eu-west', 'meridian leader prefer --clear')
}

async function explained(context: CommandContext, watch: boolean): Promise<void> {
  const { terminal } = context
  await using connection = await connected(context)
  await showing(context, watch, async () => {
    const answer = await connection.client.control.explainLeader(call(context))
    return { json: leaderJson(answer), lines: leaderLines(answer, terminal.layout) }
  })
}

async function preferred(context: CommandContext, region: RegionId | undefined, isClear: boolean): Promise<void> {
  if ((region === undefined) !== isClear) {
    throw new MeridianError('INVALID_ARGUMENT', 'name a region, or withdraw with --clear: one of the two')
  }
  await using connection = await connected(context)
  await connection.client.control.preferLeader(region, call(context))
  context.terminal.show(
    () => ({ preferred: region ?? null }),
    () => [
      region === undefined ? 'no preference: costs decide' : `${region} is preferred; see: meridian leader explain`,
    ],
  )
}

async function connected(context: CommandContext): Promise<Connection> {
  const [home] = await findPlaces(context.options)
  return connectAt(context, home, { need: 'nothing' })
}

function call({ options, signal }: CommandContext) {
  return { timeoutMs: options.timeoutMs, signal }
}
