import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { InvalidArgumentError, Option } from 'commander'
import type { MeridianClient, PlanQuery } from '@meridian/client'
import { ERROR_TABLE } from '@meridian/protocol'
import { counted, operationId, regionId } from '@meridian/topology'
import type { RegionId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { runFleet } from '../fleet.ts'
import type { FleetState } from '../fleet-core.ts'
import { persistently } from '../following.ts'
import { reasonOption } from '../mutation.ts'
import { fleetJson, fleetLines, progressText } from '../print/fleet.ts'
import { isFree, plannedJson, plannedLines, plannedOf } from '../print/planned.ts'
import type { Planned } from '../print/planned.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { callOptions } from './range-results.ts'

const CONCURRENCY_DEFAULT = 4
const CONCURRENCY_MAX = 64
/** Pause between two looks at whether a region can take anything, ms. */
const FIT_EVERY_MS = 1000

interface FleetCommandOptions {
  readonly dryRun?: boolean
  readonly concurrency: number
  readonly reason?: string
}

const concurrencyOption = (): Option =>
  new Option('--concurrency <n>', 'transfers at once').default(CONCURRENCY_DEFAULT).argParser(concurrency)

export function addRegionEvacuate(group: Command): void {
  const command = group
    .command('evacuate')
    .summary('move every range of a region elsewhere, without loss')
    .description(
      'Drains the region, so that nobody hands it ownership, then transfers every range it owns to the first ' +
        'standby that can take it, the busiest first. What was interrupted goes on when the command is given again. ' +
        'Ends with 6 when ranges are left, each with the reason.',
    )
    .argument('<region>', 'the region to empty', regionId)
    .addOption(new Option('--to <region>', 'everything goes there').argParser(regionId))
    .option('--dry-run', 'only what would go where, what it would cost and what stands in the way')
    .addOption(concurrencyOption())
    .addOption(reasonOption())
    .action(async (region: RegionId, options: FleetCommandOptions & { to?: RegionId }, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'regions', awayFrom: region })
      const { client } = connection
      const query: PlanQuery = { kind: 'evacuate', region, target: options.to }
      if (options.dryRun === true) return dryRun(context, client, query)
      // What makes no sense as a plan is refused before anything is drained for it.
      await planned(context, client, query)
      await persistently(context, () =>
        client.operations.drainRegion(operationId(`drain:${region}:${runName()}`), region, callOptions(context)),
      )
      context.terminal.note(`${region} is drained: nobody hands it ownership until: meridian region return ${region}`)
      const moved = await move(context, client, query, options, 'evacuate')
      show(context, region, moved)
    })
  withExamples(
    command,
    'meridian region evacuate us-east --dry-run',
    'meridian region evacuate us-east --concurrency 8 --reason "new kernel"',
  )
}

export function addRegionReturn(group: Command): void {
  const command = group
    .command('return')
    .summary('end a drain and move back what the region had')
    .description(
      'Ends the drain of a region and transfers back the ranges that it gave away by evacuation or lost by takeover. ' +
        'Given again it goes on. Ends with 6 when ranges are left, each with the reason.',
    )
    .argument('<region>', 'the region to fill again', regionId)
    .option('--dry-run', 'only what would come back, what it would cost and what stands in the way')
    .addOption(concurrencyOption())
    .addOption(reasonOption())
    .action(async (region: RegionId, options: FleetCommandOptions, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'regions', awayFrom: region })
      const { client } = connection
      const query: PlanQuery = { kind: 'return', region }
      if (options.dryRun === true) return dryRun(context, client, query)
      await persistently(context, () => client.operations.undrainRegion(region, callOptions(context)))
      context.terminal.note(`${region} is no longer drained`)
      const moved = await move(context, client, query, options, 'return')
      show(context, region, moved)
    })
  withExamples(command, 'meridian region return us-east --dry-run', 'meridian region return us-east')
}

async function planned(context: CommandContext, client: MeridianClient, query: PlanQuery): Promise<readonly Planned[]> {
  return plannedOf(await persistently(context, () => client.operations.plan(query, callOptions(context))))
}

/** A region that has just come back has to prove itself first: that is waited for, as long as the command is patient. */
async function plannedOnceFit(
  context: CommandContext,
  client: MeridianClient,
  query: PlanQuery,
): Promise<readonly Planned[]> {
  const { terminal, clock, signal, options } = context
  const untilMs = clock.nowMs() + options.timeoutMs
  for (;;) {
    const plan = await planned(context, client, query)
    const [first] = plan
    const canBegin = plan.some(
      (each) => isFree(each) || each.range.status === 'moving' || each.range.status === 'frozen',
    )
    if (first === undefined || canBegin || clock.nowMs() >= untilMs) return plan
    terminal.progress(`${counted(plan.length, 'range')} waiting: ${first.obstacles[0] ?? 'there is nowhere to go'}`)
    await clock.sleep(FIT_EVERY_MS, signal)
  }
}

async function dryRun(context: CommandContext, client: MeridianClient, query: PlanQuery): Promise<void> {
  const plan = await planned(context, client, query)
  context.terminal.show(
    () => ({ transfers: plan.map(plannedJson) }),
    () => plannedLines(plan, context.terminal.layout),
  )
  if (!plan.every(isFree)) context.exitWith(ERROR_TABLE.LINK_LEAK.exit)
}

interface Moved {
  readonly state: FleetState
  readonly tookMs: number
}

async function move(
  context: CommandContext,
  client: MeridianClient,
  query: Exclude<PlanQuery, { kind: 'range' }>,
  options: FleetCommandOptions,
  verb: 'evacuate' | 'return',
): Promise<Moved> {
  const { terminal, clock } = context
  const beganMs = clock.nowMs()
  const plan = verb === 'return' ? await plannedOnceFit(context, client, query) : await planned(context, client, query)
  const run = runName()
  let moved = 0
  try {
    const state = await runFleet(context, client, {
      plan,
      concurrency: options.concurrency,
      // `return` finds ranges again by this name, long after the journal has forgotten them.
      operationOf: ({ rangeId }) => `${verb}:${query.region}:${run}:${rangeId}`,
      reason: options.reason ?? '',
      onState: (now) => {
        for (const {
          planned: { range },
          target,
        } of now.moved.slice(moved)) {
          terminal.note(`range ${range.rangeId} of ${range.keyspace}: ${range.owner} -> ${target}`)
        }
        moved = now.moved.length
        terminal.progress(progressText(now, clock.nowMs() - beganMs))
      },
    })
    return { state, tookMs: clock.nowMs() - beganMs }
  } catch (error) {
    terminal.note(
      `transfers that have begun go on by themselves (meridian ops list); give the command again to go on with the rest`,
    )
    throw error
  }
}

function show(context: CommandContext, region: RegionId, { state, tookMs }: Moved): void {
  context.terminal.show(
    () => fleetJson(region, state, tookMs),
    () => fleetLines(state, tookMs, context.terminal.layout),
  )
  if (state.left.length > 0) context.exitWith(ERROR_TABLE.LINK_LEAK.exit)
}

const runName = (): string => randomBytes(4).toString('hex')

function concurrency(text: string): number {
  const value = Number(text)
  if (/^[0-9]{1,3}$/.test(text) && value >= 1 && value <= CONCURRENCY_MAX) return value
  throw new InvalidArgumentError(`Write a whole number from 1 to ${CONCURRENCY_MAX}.`)
}
