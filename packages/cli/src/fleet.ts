import type { Control, Operations } from '@meridian/client'
import { isMeridianError, operationId, regionId } from '@meridian/topology'
import type { OperationId, RangeDescriptor, RegionId } from '@meridian/topology'
import { callOptions } from './commands/range-results.ts'
import { beginFleet, fleetIsDone, stepFleet } from './fleet-core.ts'
import type { FleetEffect, FleetEvent, FleetState, FleetStep } from './fleet-core.ts'
import { persistently } from './following.ts'
import type { Planned } from './print/planned.ts'
import type { CommandContext } from './program.ts'

/** What a fleet asks of a client. */
export interface FleetClient {
  readonly operations: Pick<Operations, 'transfer' | 'get'>
  readonly control: Pick<Control, 'assign'>
}

/** Pause between two looks at what is on its way, ms: a question for each. */
const LOOK_EVERY_MS = 250

export interface FleetOptions {
  readonly plan: readonly Planned[]
  readonly concurrency: number
  /** Of the one run: a range's operation is called by it, so that beginning it twice is beginning it once. */
  readonly operationOf: (range: RangeDescriptor) => string
  readonly reason: string
  readonly onState: (state: FleetState) => void
}

/**
 * Moves ranges, so many at a time, and looks after each until it ended. Interrupted it throws, and what is on its way
 * goes on.
 */
export async function runFleet(
  context: CommandContext,
  client: FleetClient,
  options: FleetOptions,
): Promise<FleetState> {
  const { clock, signal } = context
  let [state, effects]: FleetStep = beginFleet(options.plan, options.concurrency)
  const take = (event: FleetEvent): void => {
    const [next, more] = stepFleet(state, event)
    state = next
    effects = [...effects, ...more]
  }
  for (;;) {
    options.onState(state)
    if (effects.length > 0) {
      const due = effects
      effects = []
      for (const event of await Promise.all(due.map((effect) => perform(context, client, options, effect)))) take(event)
      continue
    }
    if (fleetIsDone(state)) return state
    await clock.sleep(LOOK_EVERY_MS, signal)
    const looks = [...state.flying.values()].map((flight) => look(context, client, flight.planned, flight.operation))
    for (const event of await Promise.all(looks)) if (event !== undefined) take(event)
  }
}

async function perform(
  context: CommandContext,
  client: FleetClient,
  { operationOf, reason }: FleetOptions,
  { kind, planned, target }: FleetEffect,
): Promise<FleetEvent> {
  const { range } = planned
  const { rangeId } = range
  try {
    const operation = operationId(operationOf(range))
    const to = regionId(target)
    const answer = await persistently(context, () =>
      kind === 'assign'
        ? assign(context, client, operation, range, to)
        : client.operations.transfer(
            operation,
            { keyspace: range.keyspace, key: range.start, target: to, reason, expected: range.generation },
            callOptions(context),
          ),
    )
    if (answer === undefined) return { kind: 'assigned', rangeId, target }
    return { kind: 'begun', rangeId, operation: answer.operation, phase: answer.phase }
  } catch (error) {
    context.signal.throwIfAborted()
    if (!isMeridianError(error)) throw error
    const { operation } = error.details
    if (error.code === 'RANGE_BUSY' && operation !== undefined) return { kind: 'under-way', rangeId, operation }
    return { kind: 'refused', rangeId, reason: `${error.code}: ${error.message}` }
  }
}

/** A vacant range holds no data: it is given away in one step. */
async function assign(
  context: CommandContext,
  { control }: Pick<FleetClient, 'control'>,
  operation: OperationId,
  range: RangeDescriptor,
  to: RegionId,
): Promise<undefined> {
  const { keyspace, start, owner, generation } = range
  const standbys = range.standbys.map((standby) => (standby === to ? owner : standby))
  await control.assign(
    operation,
    keyspace,
    [{ start, owner: to, standbys }],
    [{ start, generation }],
    callOptions(context),
  )
}

async function look(
  context: CommandContext,
  { operations }: Pick<FleetClient, 'operations'>,
  { range: { rangeId } }: Planned,
  operation: string | undefined,
): Promise<FleetEvent | undefined> {
  if (operation === undefined) return undefined
  try {
    const seen = await persistently(context, () => operations.get(operationId(operation), callOptions(context)))
    return { kind: 'seen', rangeId, operation: seen }
  } catch (error) {
    context.signal.throwIfAborted()
    if (isMeridianError(error, 'OPERATION_UNKNOWN')) return { kind: 'forgotten', rangeId }
    throw error
  }
}
