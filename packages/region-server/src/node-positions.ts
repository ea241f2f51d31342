import { fromWireToken, ReplicaServiceDefinition } from '@meridian/protocol'
import type { ShardPosition as WirePosition } from '@meridian/protocol'
import type { ReplicaPositions, ShardPosition } from '@meridian/region'
import { clientOf } from '@meridian/rpc'
import type { ChannelPool } from '@meridian/rpc'
import { parseShardId, ZERO_TOKEN } from '@meridian/topology'
import type { ShardId } from '@meridian/topology'

/** Patience for one answer, ms; whoever asks may have less. */
const ASKED_MS_MAX = 5000
const ROLES = ['serving', 'sealing', 'follower', 'none'] as const

/** What the data node at `address` says of its logs, as it says it. */
export async function askLogPositions(
  pool: ChannelPool,
  address: string,
  shards: readonly ShardId[],
  signal: AbortSignal,
): Promise<readonly WirePosition[]> {
  const client = clientOf(ReplicaServiceDefinition, pool.channel(address))
  return (await client.getPositions({ shardIds: [...shards] }, { timeoutMs: ASKED_MS_MAX, signal })).positions
}

/** Asks the data nodes themselves. */
export function nodePositions(pool: ChannelPool): ReplicaPositions {
  return {
    positions: async ({ address }, shards, signal) => {
      const answer = await askLogPositions(pool, address, shards, signal)
      return answer.map((wire): ShardPosition => ({
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
