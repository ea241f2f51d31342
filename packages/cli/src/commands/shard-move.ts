import type { Command } from 'commander'
import { Option } from 'commander'
import type { MeridianClient } from '@meridian/client'
import type { ReplicaMove } from '@meridian/protocol'
import { MeridianError, nodeId, operationId, parseShardId } from '@meridian/topology'
import type { NodeId, OperationId, RegionId, ShardId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { persistently } from '../following.ts'
import { viewOf } from '../map-view.ts'
import { mutate, operationOption } from '../mutation.ts'
import type { MutationOptions } from '../mutation.ts'
import { moveJson, moveLines } from '../print/moves.ts'
import { contextOf } from '../program.ts'
import type { CommandContext } from '../program.ts'
import { showing, WATCH_HELP } from '../watching.ts'
import { callOptions } from './range-results.ts'

/** Pause between two looks at a move, ms. */
const LOOK_EVERY_MS = 250

interface MoveOptions extends MutationOptions {
  readonly from: NodeId
  readonly to?: NodeId
  readonly wait: boolean
}

export function addShardMove(group: Command): void {
  const command = group
    .command('move')
    .summary('move a replica of a shard to another node of its region')
    .description(
      'Moves one replica of a shard to another node of its region: the new one is filled first, then takes the place ' +
        'of the old. Interrupted, the command ends and the move goes on. Ends with 4 when the move was aborted.',
    )
    .argument('<shard>', 'id of the shard', parseShardId)
    .addOption(new Option('--from <node>', 'node that gives it up').argParser(nodeId).makeOptionMandatory())
    .addOption(new Option('--to <node>', 'node that gets it; default: the controller chooses').argParser(nodeId))
    .option('--no-wait', 'end as soon as it has begun')
    .addOption(operationOption())
    .action(async (shard: ShardId, options: MoveOptions, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'map' })
      const { client } = connection
      const known = viewOf(client.router.map).shards.get(shard)
      if (known === undefined) throw new MeridianError('SHARD_UNKNOWN', `the map has no shard ${shard}`)
      await move(context, client, known.region, shard, options)
    })
  withExamples(command, 'meridian shard move 12.0 --from us-east-n1 --to us-east-n4')
}

async function move(
  context: CommandContext,
  { operations }: MeridianClient,
  region: RegionId,
  shard: ShardId,
  options: MoveOptions,
): Promise<void> {
  const { terminal, clock, signal } = context
  const order = { shard, from: options.from, to: options.to }
  const { operation, result } = await mutate(context, options, (id) =>
    persistently(context, () => operations.moveReplica(id, order, region, callOptions(context))),
  )
  let seen = result
  try {
    while (options.wait && !hasEnded(seen)) {
      terminal.progress(`${seen.phase}${seen.note === '' ? '' : `: ${seen.note}`}`)
      await clock.sleep(LOOK_EVERY_MS, signal)
      const moves = await persistently(context, () => operations.moves(region, callOptions(context)))
      seen = moves.find((each) => each.operation === operation) ?? lost(operation)
    }
  } catch (error) {
    terminal.note(`the move goes on by itself; watch it: meridian shard moves --region ${region}`)
    throw error
  }
  if (seen.phase === 'aborted') {
    throw new MeridianError('TRANSFER_ENDED', `the move was aborted: ${seen.note || 'nobody said why'}`, {
      details: { operation },
    })
  }
  show(context, seen)
}

export function addShardMoves(group: Command): void {
  const command = group
    .command('moves')
    .summary('moves of replicas in a region; --abort ends one')
    .description('Moves of replicas in flight and lately ended, in the region of --region.')
    .option('--watch', WATCH_HELP)
    .addOption(new Option('--abort <operation>', 'end this one; what it copied is thrown away').argParser(operationId))
    .action(async (options: { watch?: boolean; abort?: OperationId }, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'nothing' })
      const { operations } = connection.client
      const { abort } = options
      if (abort !== undefined) {
        show(context, await persistently(context, () => operations.abortMove(abort, undefined, callOptions(context))))
        return
      }
      await showing(context, options.watch ?? false, async () => {
        const moves = await operations.moves(undefined, callOptions(context))
        return {
          json: { moves: moves.map(moveJson) },
          lines: moveLines(moves, context.now().getTime(), context.terminal.layout),
        }
      })
    })
  withExamples(command, 'meridian shard moves --region us-east', 'meridian shard moves --abort cli-0d1f')
}

function show(context: CommandContext, move: ReplicaMove): void {
  context.terminal.show(
    () => ({ move: moveJson(move) }),
    () => moveLines([move], context.now().getTime(), context.terminal.layout),
  )
}

const hasEnded = ({ phase }: ReplicaMove): boolean => phase === 'done' || phase === 'aborted'

function lost(operation: OperationId): never {
  throw new MeridianError('OPERATION_UNKNOWN', `the region does not remember move ${operation} any more`)
}
