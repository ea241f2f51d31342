import { STANDBYS_MAX } from '@meridian/topology'
import type { OperationId, RangeDescriptor, RangeId, RegionId } from '@meridian/topology'
import type { JournalEntry } from './journal.ts'
import type { StandbyFacts } from './takeover-plan.ts'
import { suspicionOf } from './transfers.ts'

export interface PlanWorld {
  readonly ranges: readonly RangeDescriptor[]
  readonly drained: ReadonlySet<RegionId>
  readonly journal: ReadonlyMap<OperationId, JournalEntry>
  readonly nowWallMs: number
  /** Why a region's lease is no good, in words; undefined: it renews. */
  readonly illness: (region: RegionId) => string | undefined
  readonly standbyFacts: (range: RangeId, region: RegionId) => StandbyFacts
  /** Shards of a range, as far as known; 0 when not. */
  readonly shards: (range: RangeId) => number
  /** Entries that a region still lacks of a range; undefined: not known. */
  readonly lagEntries: (range: RangeId, region: RegionId) => bigint | undefined
  readonly writesPerS: (range: RangeId) => number
  /** What one commit at G costs today at least, ms. */
  readonly commitFloorMs: number
}

export interface Obstacle {
  readonly text: string
  /** The transfer is not begun; otherwise it takes longer. */
  readonly blocks: boolean
}

export interface PlannedTransfer {
  readonly range: RangeDescriptor
  /** Undefined when there is none. */
  readonly target: RegionId | undefined
  readonly obstacles: readonly Obstacle[]
  readonly shards: number
  readonly lagEntries: bigint | undefined
  /** Of its commits at G, at the floor, ms. */
  readonly commitMs: number
  readonly writesPerS: number
}

/** Commits of one transfer: begin, follow, freeze, commit, end. */
export const TRANSFER_COMMITS = 5

/** What a transfer of the range would do and what stands in its way. Without a target: to its best standby. */
export function planTransfer(range: RangeDescriptor, target: RegionId | undefined, world: PlanWorld): PlannedTransfer {
  const chosen = target ?? bestStandby(range, world)
  const obstacles = obstaclesOf(range, chosen, world)
  return {
    range,
    target: chosen,
    obstacles,
    shards: world.shards(range.rangeId),
    lagEntries: chosen === undefined ? undefined : world.lagEntries(range.rangeId, chosen),
    commitMs: TRANSFER_COMMITS * world.commitFloorMs,
    writesPerS: world.writesPerS(range.rangeId),
  }
}

/**
 * Whose the range was before the operation that last wrote it, or who was to have it back by one that was aborted;
 * undefined: that cannot be told any more.
 */
export function previousOwner(
  { operation }: RangeDescriptor,
  journal: ReadonlyMap<OperationId, JournalEntry>,
): RegionId | undefined {
  const named = /^(?:evacuate|takeover|return):([a-z][a-z0-9-]*):/.exec(operation)?.[1]
  if (named !== undefined) return named as RegionId
  const entry = journal.get(operation)
  return entry?.kind === 'transfer' && entry.phase !== 'aborted' ? entry.source : undefined
}

function bestStandby(range: RangeDescriptor, world: PlanWorld): RegionId | undefined {
  const judged = range.standbys.map((region) => ({ region, obstacles: obstaclesOf(range, region, world) }))
  return (
    judged.find(({ obstacles }) => obstacles.length === 0) ??
    judged.find(({ obstacles }) => !obstacles.some(({ blocks }) => blocks)) ??
    judged[0]
  )?.region
}

function obstaclesOf(range: RangeDescriptor, target: RegionId | undefined, world: PlanWorld): Obstacle[] {
  const found: Obstacle[] = []
  const add = (blocks: boolean, text: string): void => void found.push({ text, blocks })
  if (range.status === 'vacant') add(true, 'it is vacant: assign it, it holds no data')
  else if (range.status !== 'active') add(true, `it is ${range.status}: ${range.operation} is under way`)
  if (target === undefined) {
    add(true, 'it has no standby: name one, or a target')
    return found
  }
  if (target === range.owner) {
    add(true, `${target} owns it already`)
    return found
  }
  const weakness = range.status === 'vacant' ? undefined : world.illness(range.owner)
  if (weakness !== undefined) add(true, `${range.owner} ${weakness}, and a transfer needs it`)
  if (!range.standbys.includes(target) && range.standbys.length >= STANDBYS_MAX) {
    add(true, `it has ${STANDBYS_MAX} standbys already, and ${target} is none of them`)
  }
  if (world.drained.has(target)) add(true, `${target} is drained`)
  const illness = world.illness(target)
  if (illness !== undefined) add(true, `${target} ${illness}`)
  const suspicion = suspicionOf(world.journal.values(), target, world.nowWallMs)
  if (suspicion !== undefined) add(true, suspicion)
  const facts = world.standbyFacts(range.rangeId, target)
  if (!facts.hasPage) add(false, `${target} has no standby page yet: everything is copied first`)
  else if (facts.lagging === true) add(false, `${target} lags`)
  return found
}
