import type { NodePlace, TransferPage, TransferPorts } from '@meridian/global'
import { fromWireToken, ReplicaServiceDefinition } from '@meridian/protocol'
import type { OtherRegions, RegionView } from '@meridian/region'
import type { Router } from '@meridian/router'
import type { ChannelPool } from '@meridian/rpc'
import { clientOf } from '@meridian/rpc'
import { parseShardId } from '@meridian/topology'
import type { NodeId, Page, RegionId } from '@meridian/topology'
import { askLogPositions } from './node-positions.ts'
import { regionSights } from './region-sights.ts'

export interface TransferSources {
  readonly region: RegionId
  readonly regionView: RegionView
  readonly router: Pick<Router, 'map'>
  readonly others: Pick<OtherRegions, 'subscribe'>
  readonly pool: ChannelPool
}

/** Longest wait for one node's answer, ms; the driver has a shorter patience of its own. */
const ASKED_MS_MAX = 5000

/** What whoever carries transfers on sees of the regions' pages, and how it asks their nodes. */
export function transferPorts({ region, regionView, router, others, pool }: TransferSources): TransferPorts {
  const sightOf = regionSights({ region, regionView, router })
  const nodesOf = (address: string) => clientOf(ReplicaServiceDefinition, pool.channel(address))
  return {
    page: (range, where) => {
      const { page, addressOf } = sightOf(where)
      return shown(page(range), addressOf)
    },
    subscribe: (listener) => {
      const ends = [regionView.subscribe(listener), others.subscribe(listener)]
      return () => {
        for (const end of ends) end()
      }
    },
    askBarriers: async ({ address }, operation, shards, signal) => {
      if (address === '') return []
      const request = { operation, shardIds: [...shards] }
      const { barriers } = await nodesOf(address).getBarriers(request, { timeoutMs: ASKED_MS_MAX, signal })
      return barriers.map(({ shardId, token, index }) => ({
        shardId: parseShardId(shardId),
        token: fromWireToken(token),
        index,
      }))
    },
    askPositions: async ({ address }, shards, signal) => {
      if (address === '') return []
      const positions = await askLogPositions(pool, address, shards, signal)
      return positions.map(({ shardId, lastIndex, lastToken, commitIndex, installing }) => ({
        shardId: parseShardId(shardId),
        lastIndex,
        lastToken: fromWireToken(lastToken),
        commitIndex,
        installing,
      }))
    },
  }
}

/** Nodes whose address is not known cannot be asked: they are as good as silent. */
function shown(page: Page | undefined, addressOf: (node: NodeId) => string | undefined): TransferPage | undefined {
  if (page === undefined) return undefined
  const place = (nodeId: NodeId): NodePlace => ({ nodeId, address: addressOf(nodeId) ?? '' })
  return {
    role: page.role,
    generation: page.generation,
    frozenFor: page.freeze?.operation,
    shards: page.shards.map((shard) => ({
      shardId: shard.shardId,
      leader: shard.status === 'assigned' ? place(shard.leader) : undefined,
      replicas: shard.replicas.map(place),
    })),
  }
}
