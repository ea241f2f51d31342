import type { Command } from 'commander'
import { ERROR_TABLE } from '@meridian/protocol'
import { isMeridianError, regionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connectAt } from '../connection.ts'
import type { Connection } from '../connection.ts'
import { findPlaces } from '../place.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { statusJson, statusLines } from '../print/status.ts'
import type { RegionStatus } from '../print/status.ts'

/** A region that needs longer is shown as one without an answer, ms. */
const ANSWER_MS_MAX = 5000
/** Pause between two looks with --watch, ms. */
const WATCH_EVERY_MS = 2000

export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('What each region says of itself.')
    .description(
      'What each region says of itself: tiers, leases, roles, nodes, positions. All regions, each asked from within ' +
        'itself, or the one of --region. Ends with 6 when a region gives no answer.',
    )
    .option('--watch', 'again every two seconds until interrupted; with --json a document per line')
    .action(async (options: { watch?: boolean }, self: Command) => status(contextOf(self), options.watch ?? false))
  withExamples(command, 'meridian status', 'meridian status --region eu-west --watch')
}

async function status(context: CommandContext, watch: boolean): Promise<void> {
  const { terminal, options } = context
  const [home, ...others] = await findPlaces(options)
  const places = options.region === undefined ? [home, ...others] : [home]
  await using connections = new AsyncDisposableStack()
  const asked: Connection[] = []
  for (const place of places) asked.push(connections.use(await connectAt(context, place, { need: 'nothing' })))

  for (;;) {
    const regions = (await Promise.all(asked.map((each) => answersOf(context, each)))).flat()
    context.signal.throwIfAborted()
    if (watch && terminal.json) terminal.documentLine(statusJson(regions))
    else {
      if (watch) terminal.clear()
      terminal.show(
        () => statusJson(regions),
        () => statusLines(regions, terminal.layout),
      )
    }
    if (!watch) {
      conclude(context, regions)
      return
    }
    await context.clock.sleep(WATCH_EVERY_MS, context.signal)
    if (!terminal.json && !terminal.interactive) terminal.print('')
  }
}

/** Of the place's own region and, when its servers were named by hand, of the regions that these know. */
async function answersOf(context: CommandContext, connection: Connection): Promise<RegionStatus[]> {
  const { client, place } = connection
  const own = await answerOf(context, place.label, place.displayName, () =>
    client.control.status(undefined, call(context)),
  )
  if (context.options.servers.length === 0 || context.options.region !== undefined || !own.answer.ok) return [own]
  const { region } = own.answer.status
  const { regions } = client.router.map.global
  const others = [...regions.values()].filter((other) => other.region !== region)
  const displayName = regions.get(regionId(region))?.displayName ?? ''
  return [
    { ...own, region, displayName },
    ...(await Promise.all(
      others.map((other) =>
        answerOf(context, other.region, other.displayName, () => client.control.status(other.region, call(context))),
      ),
    )),
  ]
}

async function answerOf(
  context: CommandContext,
  region: string,
  displayName: string,
  ask: () => ReturnType<Connection['client']['control']['status']>,
): Promise<RegionStatus> {
  try {
    return { region, displayName, answer: { ok: true, status: await ask() } }
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isMeridianError(error)) throw error
    return { region, displayName, answer: { ok: false, code: error.code, message: error.message } }
  }
}

function call({ options, signal }: CommandContext) {
  return { timeoutMs: Math.min(options.timeoutMs, ANSWER_MS_MAX), signal }
}

function conclude(context: CommandContext, regions: readonly RegionStatus[]): void {
  const silent = regions.filter(({ answer }) => !answer.ok).length
  if (silent === 0) return
  context.terminal.note(`${silent} of ${regions.length} regions gave no answer`)
  context.exitWith(silent === regions.length ? ERROR_TABLE.UNAVAILABLE.exit : ERROR_TABLE.LINK_LEAK.exit)
}
