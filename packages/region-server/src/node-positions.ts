import { fromWireToken, ReplicaServiceDefinition } from '@meridian/protocol'
import type { ReplicaPositions, ShardPosition } from '@meridian/region'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import { parseShardId, ZERO_TOKEN } from '@meridian/topology'

/** Patience for one answer, ms; whoever asks may have less. */
const ASKED_MS_MAX = 5000
const ROLES = ['serving', 'sealing', 'follower', 'none'] as const

/** Asks the data nodes themselves. */
export function nodePositions(pool: ChannelPool): ReplicaPositions {
  return {
    positions: async ({ address }, shards, signal) => {
      const client = clientOf(ReplicaServiceDefinition, pool.channel(address))
      const answer = await client.getPositions({ shardIds: [...shards] }, { timeoutMs: ASKED_MS_MAX, signal })
      return answer.positions.map((wire): ShardPosition => ({
        shardId: parseShardId(wire.shardId),
        promised: wire.promised === undefined ? ZERO_TOKEN : fromWireToken(wire.promised),
        lastIndex: Number(wire.lastIndex),
        lastToken: wire.lastToken === undefined ? ZERO_TOKEN : fromWireToken(wire.lastToken),
        commitIndex: Number(wire.commitIndex),
        installing: wire.installing,
        role: ROLES.find((role) => role === wire.role) ?? 'none',
      }))
    },
  }
}
