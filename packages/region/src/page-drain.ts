import { chooseLeader, isWanted, shardToken } from '@meridian/topology'
import type { NodeId, Page } from '@meridian/topology'
import { vacate } from './page-leaders.ts'
import type { HandOver, PageIndex } from './page-world.ts'

/** Takes leaderships off nodes that are up and being drained, a few at a time (R16). */
export class Drain {
  readonly #index: PageIndex
  readonly #drained: ReadonlySet<NodeId>
  readonly handOvers: HandOver[] = []

  constructor(index: PageIndex) {
    this.#index = index
    this.#drained = new Set(
      index.world.nodes.filter((node) => node.status === 'up' && !isWanted(node)).map(({ nodeId }) => nodeId),
    )
  }

  /**
   * The page without leaders for shards that can go to a replica that stays. A frozen page waits: its leaders are about
   * to answer for what they hold.
   */
  relieved(page: Page): Page {
    if (this.#drained.size === 0 || page.freeze !== undefined || !this.#index.isCurrent(page)) return page
    const { world, lives } = this.#index
    let relieved = page
    for (const [place, shard] of page.shards.entries()) {
      if (this.handOvers.length >= world.handOversMax) break
      if (shard.status !== 'assigned' || !this.#drained.has(shard.leader)) continue
      if (lives.get(shard.leader) !== shard.leaderNodeEpoch) continue
      const target = chooseLeader(shard.replicas, world.nodes.filter(isWanted), this.#index.tally.loads)
      if (target === undefined) continue
      this.#index.tally.add(target.nodeId, { leaders: 1 })
      relieved = vacate(relieved, shard.shardId)
      const nobody = relieved.shards[place]
      if (nobody === undefined) throw new Error(`shard ${shard.shardId} is not where it was`)
      this.handOvers.push({ shardId: shard.shardId, target: target.nodeId, token: shardToken(relieved, nobody) })
    }
    return relieved
  }
}
