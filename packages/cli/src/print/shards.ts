import { formatKey, formatToken } from '@meridian/topology'
import type { ShardView } from '../map-view.ts'
import { endJson, endText } from './ranges.ts'
import { tableLines } from './table.ts'
import type { Layout } from './table.ts'

export function shardJson(shard: ShardView) {
  const { shardId, rangeId, keyspace, region, token, leader, address, replicas } = shard
  return {
    shardId,
    rangeId,
    keyspace,
    start: formatKey(shard.start),
    end: endJson(shard.end),
    region,
    token: { generation: token.generation, epoch: token.epoch },
    leader: leader ?? null,
    address: address ?? null,
    replicas,
  }
}

export function shardLines(shards: readonly ShardView[], layout: Layout): string[] {
  if (shards.length === 0) return ['no shards']
  return tableLines(
    [
      { title: 'shard' },
      { title: 'keyspace', cut: true },
      { title: 'start', cut: true },
      { title: 'end', cut: true },
      { title: 'region', cut: true },
      { title: 'leader', cut: true },
      { title: 'token' },
      { title: 'copies', align: 'right' },
    ],
    shards.map((shard) => [
      shard.shardId,
      shard.keyspace,
      formatKey(shard.start),
      endText(shard.end),
      shard.region,
      shard.leader === undefined ? { text: 'none', tone: 'bad' } : shard.leader,
      formatToken(shard.token),
      String(shard.replicas.length),
    ]),
    layout,
  )
}
