import { toWirePosition } from '@meridian/protocol'
import type { StatusServiceDefinition, TierStatus } from '@meridian/protocol'
import { nodeStatuses } from '@meridian/region'
import type { HandlersOf } from '@meridian/rpc'
import { withTimeLimit } from '@meridian/loop'
import type { Clock } from '@meridian/loop'
import type { Store } from '@meridian/store'
import { isMeridianError } from '@meridian/topology'
import type { Parts, ServerParts } from './parts.ts'

/** How long a tier may take to answer before the status says that it did not, ms. */
const TIER_MS_MAX = 2000

export function statusHandlers(parts: Parts): HandlersOf<typeof StatusServiceDefinition> {
  return {
    getStatus: async (_, call) => {
      const server = parts()
      const [global, regional] = await Promise.all([
        tierStatus(server.globalStore, server.clock, call.signal),
        tierStatus(server.regionStore, server.clock, call.signal),
      ])
      const nowMs = server.clock.nowMs()
      return {
        region: server.region,
        server: server.server,
        global,
        regional,
        lease: {
          term: server.agent.record?.term ?? 0n,
          counter: server.agent.record?.counter ?? 0n,
          remainingMs: Math.floor(server.agent.remainingMs()),
        },
        controller: server.control.controller() ?? '',
        publisher: server.publisher() ?? '',
        positions: server.reports().map(({ stream, position }) => ({ stream, position: toWirePosition(position) })),
        rangesOwned: server.globalView.ranges.list().filter((range) => range.owner === server.region).length,
        followers: server.followers.list(nowMs).map((follower) => ({
          follower: follower.name,
          life: follower.life,
          positions: [...follower.positions].map(([stream, position]) => ({
            stream,
            position: toWirePosition(position),
          })),
          silentMs: BigInt(Math.round(nowMs - follower.heardMs)),
        })),
        ...shardStatus(server),
      }
    },
  }
}

function shardStatus(server: ServerParts) {
  const shards = [...server.regionView.pages.values()].flatMap(({ page }) => (page.role === 'owner' ? page.shards : []))
  return {
    shards: shards.length,
    shardsLeaderless: shards.filter((shard) => shard.status === 'leaderless').length,
    nodes: nodeStatuses(server.regionView),
  }
}

async function tierStatus(store: Store, clock: Clock, signal: AbortSignal): Promise<TierStatus> {
  try {
    const status = await withTimeLimit(clock, TIER_MS_MAX, (late) => store.status(late), signal)
    return {
      leader: status.leader ?? '',
      member: status.memberId,
      raftTerm: status.raftTerm,
      revision: status.revision,
      version: status.version,
      endpoint: status.endpoint,
      error: '',
    }
  } catch (error) {
    // A tier that does not answer is what the status is asked for, not a reason to give none.
    const text = isMeridianError(error) ? error.message : String(error)
    return { leader: '', member: '', raftTerm: 0n, revision: 0n, version: '', endpoint: '', error: text }
  }
}
