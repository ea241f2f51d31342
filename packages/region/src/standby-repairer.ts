import type { Clock, Logger } from '@meridian/loop'
import { isMeridianError } from '@meridian/topology'
import type { NodeId, Page, RangeId, RegionId, Revision, Shard, ShardId } from '@meridian/topology'
import type { OtherRegions } from './other-regions.ts'
import type { OwnedRanges } from './owned-ranges.ts'
import { loadOf } from './page-world.ts'
import { PositionSurvey } from './position-survey.ts'
import { RegionLimits } from './region-timing.ts'
import type { RegionTiming } from './region-timing.ts'
import type { RegionView } from './region-view.ts'
import type { ReplicaPositions, ShardPosition } from './replica-positions.ts'
import { isFed, repaired, repairsOf } from './standby-repair.ts'
import type { Repair } from './standby-repair.ts'
import type { TermWriter } from './term-writer.ts'
import type { Turns } from './turns.ts'

export interface StandbyRepairerOptions {
  readonly region: RegionId
  readonly view: RegionView
  readonly ranges: OwnedRanges
  readonly others: OtherRegions
  readonly positions: ReplicaPositions
  readonly writer: TermWriter
  readonly turns: Turns
  readonly replicaCount: number
  readonly timing: RegionTiming
  readonly clock: Clock
  readonly log: Logger
}

/** Looks per `standbyRepairMs`. */
const LOOKS = 12
/** An owner region whose feed is older than this may be gone, and its copies here all there is, ms. */
const OWNER_AGE_MS_MAX = 5000

/** Makes copies of followed ranges anew whose nodes are gone for good, or leave (R19). */
export class StandbyRepairer {
  readonly #options: StandbyRepairerOptions
  readonly #survey: PositionSurvey
  readonly #downMs = new Map<NodeId, number>()
  readonly #repairedMs = new Map<ShardId, number>()

  constructor(options: StandbyRepairerOptions) {
    this.#options = options
    this.#survey = new PositionSurvey(options)
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, timing, log } = this.#options
    while (!signal.aborted) {
      await clock.sleep(timing.standbyRepairMs / LOOKS, signal).catch(() => {})
      if (signal.aborted) return
      try {
        await this.round(signal)
      } catch (error) {
        if (signal.aborted) return
        if (!isMeridianError(error)) throw error
        log.warn({ err: error }, 'copies of followed ranges not made anew')
      }
    }
  }

  async round(signal: AbortSignal): Promise<void> {
    const { view, writer, turns, clock, log } = this.#options
    const repairs = this.#planned()
    if (repairs.length === 0) return
    const survey = await this.#survey.ask(
      repairs.map(({ page, shardId }) => ({ shard: shardOf(page, shardId), also: [] })),
      signal,
    )
    const positions = new Map<NodeId, Map<ShardId, ShardPosition>>()
    for (const [shard, byNode] of survey) {
      for (const [node, position] of byNode) {
        const known = positions.get(node) ?? new Map<ShardId, ShardPosition>()
        positions.set(node, known.set(shard, position))
      }
    }
    const fed = repairs.filter((repair) => isFed(repair, positions))
    await turns.take(signal, async (either) => {
      for (const page of repaired(fed)) {
        const stored = view.pages.get(page.rangeId)
        // Still followed, and by nobody moved: G is looked at again because asking took time.
        if (stored === undefined || !fed.some((repair) => repair.page === stored.page) || !this.#mayChange(stored.page))
          continue
        const changed = fed.filter((repair) => repair.page === stored.page)
        const expects = new Map<RangeId, Revision>([[page.rangeId, stored.modRevision]])
        const txn = { purpose: 'follow' as const, expects, puts: [page], deletes: [], shards: changed.length }
        if (!(await writer.writePages(txn, either))) continue
        for (const { shardId } of changed) this.#repairedMs.set(shardId, clock.nowMs())
        log.info({ rangeId: page.rangeId, shards: changed.length }, 'copies of a followed range made anew')
      }
    })
  }

  #planned(): Repair[] {
    const { view, replicaCount, clock, timing } = this.#options
    const nowMs = clock.nowMs()
    const nodes = view.nodeRecords()
    const lost = new Set<NodeId>()
    for (const { nodeId, status, duty } of nodes) {
      if (status === 'up') this.#downMs.delete(nodeId)
      else if (!this.#downMs.has(nodeId)) this.#downMs.set(nodeId, nowMs)
      const gone = duty === 'leaving' || duty === 'decommissioned'
      if (gone || nowMs - (this.#downMs.get(nodeId) ?? nowMs) >= timing.standbyRepairMs) lost.add(nodeId)
    }
    for (const [shard, atMs] of this.#repairedMs) {
      if (nowMs - atMs >= timing.standbyRepairMs) this.#repairedMs.delete(shard)
    }
    const pages = [...view.pages.values()].map(({ page }) => page).filter((page) => this.#mayChange(page))
    return repairsOf({
      pages,
      nodes,
      lost,
      replicaCount,
      load: loadOf({ pages: view.pages, nodes }),
      isRecent: (shard) => this.#repairedMs.has(shard),
      repairsMax: RegionLimits.standbyRepairsMax,
    })
  }

  #mayChange(page: Page): boolean {
    const { region, ranges, others } = this.#options
    const range = ranges.get(page.rangeId)
    if (page.role !== 'standby' || range?.generation !== page.generation || range.status !== 'active') return false
    if (range.owner === region || !range.standbys.includes(region)) return false
    const owner = others.ownerPage(page.rangeId)
    const ageMs = others.ageMs(range.owner)
    return (
      owner?.region === range.owner &&
      owner.page.generation === page.generation &&
      ageMs !== undefined &&
      ageMs < OWNER_AGE_MS_MAX
    )
  }
}

function shardOf(page: Page, id: ShardId): Shard {
  const shard = page.shards.find(({ shardId }) => shardId === id)
  if (shard === undefined) throw new Error(`page ${page.rangeId} has no shard ${id}`)
  return shard
}
