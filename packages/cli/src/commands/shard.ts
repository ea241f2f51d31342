import type { Command } from 'commander'
import { Option } from 'commander'
import { fromWireToken } from '@meridian/protocol'
import type { ShardRecord } from '@meridian/protocol'
import {
  formatKey,
  formatToken,
  keyOfBytes,
  keyspaceName,
  MeridianError,
  nodeId,
  parseShardId,
} from '@meridian/topology'
import type { KeyspaceName, NodeId, ShardId } from '@meridian/topology'
import { withExamples } from '../command-help.ts'
import { connect } from '../connection.ts'
import { viewOf } from '../map-view.ts'
import { mutate, operationOption } from '../mutation.ts'
import type { MutationOptions } from '../mutation.ts'
import { printable } from '../printable.ts'
import { endJson } from '../print/ranges.ts'
import { shardJson, shardLines } from '../print/shards.ts'
import { contextOf } from '../program.ts'
import { callOptions } from './range-results.ts'
import { addShardMove, addShardMoves } from './shard-move.ts'

export function addShard(program: Command): void {
  const group = program.command('shard').description('Look at shards and change who leads them.')
  withExamples(group, 'meridian shard list cities')

  const list = group
    .command('list')
    .description('List shards in key order as the map has them, of one keyspace or of all.')
    .argument('[keyspace]', 'name of the keyspace', keyspaceName)
    .action(async (keyspace: KeyspaceName | undefined, _: object, self: Command) => {
      const context = contextOf(self)
      const { terminal } = context
      await using connection = await connect(context, { need: 'map' })
      const { shards, unseen, ranges } = viewOf(connection.client.router.map, keyspace)
      if (keyspace !== undefined && ranges.size === 0) {
        throw new MeridianError('KEYSPACE_UNKNOWN', `there is no keyspace ${keyspace}`)
      }
      const all = [...shards.values()]
      terminal.show(
        () => ({ shards: all.map(shardJson), rangesInTransition: unseen }),
        () => shardLines(all, terminal.layout),
      )
      if (unseen.length > 0)
        terminal.note(`${unseen.length} active ranges are in transition: their shards are not known`)
    })
  withExamples(list, 'meridian shard list', 'meridian shard list cities --json')

  const handOver = group
    .command('hand-over')
    .description('Move the leader of a shard to another of its replicas.')
    .argument('<shard>', 'id of the shard', parseShardId)
    .addOption(new Option('--to <node>', 'node to lead; default: the controller chooses').argParser(nodeId))
    .addOption(operationOption())
    .action(async (shard: ShardId, options: MutationOptions & { to?: NodeId }, self: Command) => {
      const context = contextOf(self)
      await using connection = await connect(context, { need: 'map' })
      const { control, router } = connection.client
      const known = viewOf(router.map).shards.get(shard)
      if (known === undefined) throw new MeridianError('SHARD_UNKNOWN', `the map has no shard ${shard}`)
      const { operation, result } = await mutate(context, options, (id) =>
        control.handOver(id, shard, options.to, known.region, callOptions(context)),
      )
      context.terminal.show(
        () => ({ operation, before: known.leader ?? null, shard: recordJson(result) }),
        () => [
          `shard ${shard} of ${known.region}: ${known.leader ?? 'nobody'} -> ${printable(result.leader) || 'nobody'}, ` +
            formatToken(fromWireToken(result.token)),
        ],
      )
    })
  addShardMove(group)
  addShardMoves(group)
  withExamples(handOver, 'meridian shard hand-over 12.0', 'meridian shard hand-over 12.0 --to us-east-2')
}

function recordJson(record: ShardRecord) {
  const { generation, epoch } = fromWireToken(record.token)
  return {
    shardId: record.shardId,
    rangeId: record.rangeId,
    keyspace: record.keyspace,
    start: formatKey(keyOfBytes(record.start)),
    end: endJson(keyOfBytes(record.end)),
    region: record.region,
    token: { generation, epoch },
    leader: record.leader === '' ? null : record.leader,
    address: record.leaderAddress === '' ? null : record.leaderAddress,
    replicas: record.replicas.map((replica) => replica.nodeId),
  }
}
