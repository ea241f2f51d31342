import type { Command } from 'commander'
import type { Operation } from '@meridian/protocol'
import { ERROR_TABLE } from '@meridian/protocol'
import { isMeridianError, regionId } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connectAt } from '../connection.ts'
import type { Connection } from '../connection.ts'
import { findPlaces } from '../place.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { statusJson, statusLines } from '../print/status.ts'
import type { RegionStatus, WorldStatus } from '../print/status.ts'
import { showing, WATCH_HELP } from '../watching.ts'

/** A region that needs longer is shown as one without an answer, ms. */
const ANSWER_MS_MAX = 5000

export function addStatus(program: Command): void {
  const command = program
    .command('status')
    .summary('What each region says of itself.')
    .description(
      'What each region says of itself: tiers, leases, roles, nodes, positions, what works and for how long, then the ' +
        'operations in flight. All regions, each asked from within itself, or the one of --region. Ends with 6 when a ' +
        'region gives no answer.',
    )
    .option('--watch', WATCH_HELP)
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

  let world: WorldStatus = { regions: [], operations: undefined }
  await showing(context, watch, async () => {
    world = await worldOf(context, asked)
    return { json: statusJson(world), lines: statusLines(world, context.now().getTime(), terminal.layout) }
  })
  conclude(context, world.regions)
}

async function worldOf(context: CommandContext, asked: readonly Connection[]): Promise<WorldStatus> {
  const [regions, operations] = await Promise.all([
    Promise.all(asked.map((each) => answersOf(context, each))),
    inFlight(context, asked),
  ])
  return { regions: regions.flat(), operations }
}

/** As the first server has them that answers: the journal is one for all. */
async function inFlight(
  context: CommandContext,
  asked: readonly Connection[],
): Promise<readonly Operation[] | undefined> {
  try {
    return await Promise.any(asked.map(({ client }) => client.operations.list(false, call(context))))
  } catch {
    // Whoever gave no answer is shown as one without an answer.
    context.signal.throwIfAborted()
    return undefined
  }
}

/** Of the place's own region and, when its servers were named by hand, of the regions that these know. */
async function answersOf(context: CommandContext, connection: Connection): Promise<RegionStatus[]> {
  const { client, place } = connection
  const own = await answerOf(context, client, place.label, place.displayName, undefined)
  if (context.options.servers.length === 0 || context.options.region !== undefined || !own.answer.ok) return [own]
  const { region } = own.answer.status
  const { regions } = client.router.map.global
  const others = [...regions.values()].filter((other) => other.region !== region)
  const displayName = regions.get(regionId(region))?.displayName ?? ''
  return [
    { ...own, region, displayName },
    ...(await Promise.all(
      others.map((other) => answerOf(context, client, other.region, other.displayName, other.region)),
    )),
  ]
}

/** @param from whose servers are asked; undefined: those of the client's own region */
async function answerOf(
  context: CommandContext,
  { control, operations }: Connection['client'],
  region: string,
  displayName: string,
  from: RegionId | undefined,
): Promise<RegionStatus> {
  try {
    const [status, regions] = await Promise.all([
      control.status(from, call(context)),
      // A server that tells its status but not this is worth showing as it is.
      operations.regions(from, call(context)).catch(() => []),
    ])
    const health = regions.find((each) => each.region === status.region)
    return { region, displayName, answer: { ok: true, status, health } }
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
