import type { Clock } from '@meridian/loop'
import {
  chooseLeader,
  compareTokens,
  encodeNode,
  isWanted,
  MeridianError,
  nodeKey,
  openPage,
  shardToken,
} from '@meridian/topology'
import type { Key, NodeDuty, NodeId, Page, RangeDescriptor, RegionId, Revision, ShardId } from '@meridian/topology'
import type { ControllerEvent } from './controller-core.ts'
import { nodeLoadOf } from './node-leases.ts'
import type { NodeHoldings } from './node-leases.ts'
import type { OwnedRanges } from './owned-ranges.ts'
import { vacate, withoutLeaders } from './page-leaders.ts'
import { loadOf } from './page-world.ts'
import type { PageTxn } from './page-world.ts'
import type { RegionTiming } from './region-timing.ts'
import type { RegionView } from './region-view.ts'
import type { TermWriter } from './term-writer.ts'
import type { Turns } from './turns.ts'

export interface ControllerCommandsOptions {
  readonly region: RegionId
  readonly view: RegionView
  readonly ranges: OwnedRanges
  /** Replicas of a shard that is opened. */
  readonly replicaCount: number
  readonly timing: RegionTiming
  readonly clock: Clock
  readonly writer: TermWriter
  readonly turns: Turns
  /** Aborts when the leadership is over. */
  readonly ended: AbortSignal
  readonly tell: (event: ControllerEvent) => void
  /** Have the next round now. */
  readonly ring: () => void
}

/** What a hand-over may take beyond W_N: two commits and the views that apply them. */
const HAND_OVER_SLACK_MS = 5000

/** What people and other servers ask of the controller; each takes a turn among its rounds. */
export class ControllerCommands {
  readonly #options: ControllerCommandsOptions

  constructor(options: ControllerCommandsOptions) {
    this.#options = options
  }

  /**
   * Makes the page of a range that this region owns, with shards at the range's start and at each of `bounds`. The page
   * of a vacant range has no leaders until G shows the range as active (R7).
   *
   * @returns the page, also when it was there already with these bounds
   */
  openRange(range: RangeDescriptor, bounds: readonly Key[], signal: AbortSignal): Promise<Page> {
    const { region, view, ranges, replicaCount, turns, writer, ring } = this.#options
    return turns.take(signal, async (either) => {
      if (range.owner !== region) {
        throw new MeridianError('NOT_OWNER_REGION', `Range ${range.rangeId} belongs to ${range.owner}.`, {
          details: { owner: range.owner },
        })
      }
      const newest = ranges.get(range.rangeId)
      if (newest !== undefined && newest.generation > range.generation)
        throw generationMismatch(range, newest.generation)
      const stored = view.pages.get(range.rangeId)
      if (stored !== undefined && stored.page.generation > range.generation) {
        throw generationMismatch(range, stored.page.generation)
      }
      if (stored?.page.generation === range.generation) {
        const starts = [range.start, ...bounds]
        const same =
          stored.page.shards.length === starts.length &&
          stored.page.shards.every((shard, index) => shard.start === starts[index])
        if (same) return stored.page
        throw new MeridianError('RANGE_BUSY', `Range ${range.rangeId} was opened with other shard bounds.`)
      }
      if (stored !== undefined) {
        throw new MeridianError(
          'RANGE_BUSY',
          `The page of an earlier generation of range ${range.rangeId} is in the way.`,
        )
      }
      const nodes = view.nodeRecords()
      const load = loadOf({ pages: view.pages, nodes })
      const decision = openPage({ ...range, status: 'active' }, bounds, nodes, replicaCount, load)
      if (!decision.ok) throw decision.error
      const page = range.status === 'vacant' ? withoutLeaders(decision.page) : decision.page
      const absent = new Map([[range.rangeId, 0n as Revision]])
      const shards = page.shards.length
      const txn: PageTxn = { purpose: 'own', expects: absent, puts: [page], deletes: [], shards }
      if (!(await writer.writePages(txn, either))) {
        throw new MeridianError(
          'RANGE_BUSY',
          `The page of range ${range.rangeId} was changed by somebody else just now.`,
        )
      }
      ring()
      return page
    })
  }

  /**
   * Moves the leader of a shard to `target`, or to the best other replica. From a live leader in two commits: nobody
   * leads under epoch + 1; then the target under epoch + 2, once the old leader's lease reads have surely ended (R6).
   *
   * @throws MeridianError OUTCOME_UNKNOWN when the second half was not seen in time; it will still come.
   */
  async handOver(id: ShardId, target: NodeId | undefined, signal: AbortSignal): Promise<void> {
    const { view, clock, timing, turns, writer, tell, ring, ended } = this.#options
    // The token under which nobody leads; undefined when there is nothing to do.
    const nobodys = await turns.take(signal, async (either) => {
      const found = view.shard(id)
      if (found === undefined) throw new MeridianError('SHARD_UNKNOWN', `No page here has shard ${id}.`)
      const { stored, shard } = found
      if (stored.page.role === 'standby') {
        throw new MeridianError('NOT_OWNER_REGION', `This region follows shard ${id} and leads it not.`)
      }
      const nodes = view.nodeRecords()
      const leader = shard.status === 'assigned' ? shard.leader : undefined
      const load = loadOf({ pages: view.pages, nodes })
      const chosen = target ?? chooseLeader(shard.replicas, nodes, load, leader)?.nodeId
      const node = nodes.find(({ nodeId }) => nodeId === chosen)
      if (chosen === undefined)
        throw new MeridianError('NOT_ENOUGH_NODES', `Shard ${id} has no other replica that is up.`)
      if (node === undefined) throw new MeridianError('NODE_UNKNOWN', `There is no node ${chosen}.`)
      if (!shard.replicas.includes(chosen)) {
        throw new MeridianError('INVALID_ARGUMENT', `Node ${chosen} is no replica of shard ${id}.`)
      }
      if (!isWanted(node))
        throw new MeridianError('UNAVAILABLE', `Node ${chosen} is ${node.status === 'up' ? node.duty : node.status}.`)
      if (shard.status === 'assigned' && leader === chosen && shard.leaderNodeEpoch === node.nodeEpoch) return undefined
      const vacant = shard.status === 'assigned' ? vacate(stored.page, id) : stored.page
      const nobody = vacant.shards[found.index]
      if (nobody === undefined) throw new Error(`shard ${id} is not where it was found`)
      const token = shardToken(vacant, nobody)
      tell({ kind: 'wished', shardId: id, wish: { target: chosen, token } })
      if (shard.status === 'assigned') {
        const txn: PageTxn = {
          purpose: 'lead',
          expects: new Map([[stored.page.rangeId, stored.modRevision]]),
          puts: [vacant],
          deletes: [],
          shards: 1,
        }
        if (!(await writer.writePages(txn, either)))
          throw new MeridianError('RANGE_BUSY', `Shard ${id} changed just now.`)
      }
      ring()
      return token
    })
    if (nobodys === undefined) return
    const late = new AbortController()
    const over = AbortSignal.any([late.signal, signal, ended])
    const timer = clock.sleep(timing.nodeWaitMs + HAND_OVER_SLACK_MS, over).then(
      () => late.abort(new Error('late')),
      () => {},
    )
    try {
      // The view may still show the old leader, under a lower token.
      await view.seen(over, () => {
        const found = view.shard(id)
        if (found === undefined || found.shard.status !== 'assigned') return false
        return compareTokens(shardToken(found.stored.page, found.shard), nobodys) > 0
      })
    } catch (cause) {
      throw new MeridianError('OUTCOME_UNKNOWN', `The new leader of shard ${id} was not seen in time.`, { cause })
    } finally {
      late.abort(new Error('done'))
      await timer
    }
  }

  /**
   * Says what a node is wanted for; what follows from it is done by and by (R16). The same again changes nothing.
   *
   * @param forced decommission a node that still holds replicas: they count as lost, and are made anew elsewhere
   * @returns what the node leads and holds now
   * @throws MeridianError NODE_UNKNOWN; NODE_DECOMMISSIONED; NOT_ENOUGH_NODES when the others could not take over what is
   *   taken from it; NODE_BUSY when it is decommissioned, unforced, and holds replicas
   */
  setDuty(id: NodeId, duty: NodeDuty, forced: boolean, signal: AbortSignal): Promise<NodeHoldings> {
    const { view, writer, turns, replicaCount, ring } = this.#options
    return turns.take(signal, async (either) => {
      const stored = view.nodes.get(id)
      if (stored === undefined) throw new MeridianError('NODE_UNKNOWN', `There is no node ${id}.`)
      const { node, modRevision } = stored
      const holdings = nodeLoadOf(view, id)
      if (node.duty === duty) return holdings
      if (node.duty === 'decommissioned')
        throw new MeridianError('NODE_DECOMMISSIONED', `Node ${id} was decommissioned, for good.`)
      const others = view.nodeRecords().filter((other) => other.nodeId !== id && isWanted(other)).length
      const needed = duty === 'draining' ? 1 : duty === 'leaving' ? replicaCount : 0
      if (others < needed) {
        throw new MeridianError('NOT_ENOUGH_NODES', `${needed} other nodes would be needed, and ${others} serve.`, {
          details: { needed: String(needed), up: String(others) },
        })
      }
      if (duty === 'decommissioned' && holdings.held > 0 && !forced) {
        throw new MeridianError('NODE_BUSY', `Node ${id} still holds ${holdings.held} replicas: let it leave first.`, {
          details: { held: String(holdings.held) },
        })
      }
      const guards = [{ kind: 'mod-revision' as const, key: nodeKey(id), equals: modRevision }]
      const put = { kind: 'put' as const, key: nodeKey(id), value: encodeNode({ ...node, duty }) }
      if (!(await writer.commit(guards, [put], either)))
        throw new MeridianError('UNAVAILABLE', `The record of node ${id} changed just now.`)
      ring()
      return holdings
    })
  }
}

function generationMismatch(range: RangeDescriptor, known: bigint): MeridianError {
  return new MeridianError(
    'GENERATION_MISMATCH',
    `Range ${range.rangeId} has generation ${known}, not ${range.generation}.`,
    { details: { generation: String(known) } },
  )
}
