import type { JournalEntry, RegionSight, StandbyFacts } from '@meridian/global'
import { STANDBYS_MAX } from '@meridian/topology'
import type { OperationId, RangeDescriptor, RangeId, RegionId } from '@meridian/topology'
import type { RangeLoad } from './operation-parts.ts'

/** Commits at G that one transfer waits for: begin, follow, freeze, change of owner, end. */
const TRANSFER_COMMITS = 5

/** What the outlook of a transfer depends on. */
export interface TransferWorld {
  readonly sights: ReadonlyMap<RegionId, Pick<RegionSight, 'record' | 'verdict' | 'stillMs'>>
  readonly drained: ReadonlySet<RegionId>
  /** Why transfers to a region are not begun, from how the last ones ended; undefined: nothing speaks against it. */
  readonly suspicion: (region: RegionId) => string | undefined
  readonly standbyFacts: (range: RangeId, region: RegionId) => StandbyFacts
  readonly shardsOf: (range: RangeId) => number
  readonly load: (range: RangeId) => RangeLoad | undefined
  readonly commitFloorMs: number | undefined
}

/** What moving a range would come to. */
export interface TransferOutlook {
  readonly range: RangeDescriptor
  /** Undefined: no standby can take it. */
  readonly target: RegionId | undefined
  /** Why it would not go now; empty when nothing stands in the way. */
  readonly obstacles: readonly string[]
  readonly shards: number
  /** Entries that copies at the target still lack; 0 also when nobody told. */
  readonly lagEntries: bigint
  /** Least time of its commits at G, ms; 0 when it is not known. */
  readonly commitMs: number
  readonly writesPerS: number
}

/**
 * Where a range would go and what stands in the way: to `wanted`, else to the first standby that can take it, and that
 * copies it already if one does. A function of its arguments.
 *
 * @param drainEnds this region counts as if it were not drained: it is about to be filled again
 */
export function outlookOf(
  range: RangeDescriptor,
  wanted: RegionId | undefined,
  world: TransferWorld,
  drainEnds?: RegionId,
): TransferOutlook {
  const load = world.load(range.rangeId)
  const objection = (region: RegionId): string | undefined =>
    objectionTo(region, world, region !== drainEnds && world.drained.has(region))
  const common = {
    range,
    shards: world.shardsOf(range.rangeId),
    commitMs: (world.commitFloorMs ?? 0) * (range.status === 'vacant' ? 1 : TRANSFER_COMMITS),
    writesPerS: load?.writesPerS ?? 0,
  }
  const target = wanted ?? choose(range, objection, world)
  const obstacles = [...sourceObstacles(range, world)]
  if (target === undefined) obstacles.push(nowhere(range, objection))
  else obstacles.push(...targetObstacles(range, target, objection(target)))
  const lagEntries = target === undefined ? 0n : (load?.lagEntries.get(target) ?? 0n)
  return { ...common, target, obstacles, lagEntries }
}

function choose(
  range: RangeDescriptor,
  objection: (region: RegionId) => string | undefined,
  { standbyFacts }: TransferWorld,
): RegionId | undefined {
  const fit = range.standbys.filter((standby) => objection(standby) === undefined)
  return fit.find((standby) => standbyFacts(range.rangeId, standby).hasPage) ?? fit[0]
}

/** A vacant range needs nothing of its owner: it has no data. */
function sourceObstacles({ status, operation, owner }: RangeDescriptor, { sights }: TransferWorld): string[] {
  if (status === 'vacant') return []
  const obstacles: string[] = []
  if (status === 'moving' || status === 'frozen') obstacles.push(`transfer ${operation} of it is under way`)
  const sight = sights.get(owner)
  if (sight !== undefined && (sight.record.status !== 'live' || sight.verdict !== 'renewing')) {
    obstacles.push(`${owner} ${troubleOf(sight)}, and a transfer needs it`)
  }
  return obstacles
}

function targetObstacles(range: RangeDescriptor, target: RegionId, objection: string | undefined): string[] {
  if (range.owner === target) return [`${target} owns it already`]
  if (!range.standbys.includes(target) && range.standbys.length >= STANDBYS_MAX) {
    return [`it has ${STANDBYS_MAX} standbys already, and ${target} is none of them`]
  }
  return objection === undefined ? [] : [`${target} ${objection}`]
}

function nowhere({ standbys }: RangeDescriptor, objection: (region: RegionId) => string | undefined): string {
  if (standbys.length === 0) return 'it has no standby'
  return standbys.map((standby) => `${standby} ${objection(standby) ?? 'could'}`).join(', ')
}

function objectionTo(region: RegionId, { sights, suspicion }: TransferWorld, drained: boolean): string | undefined {
  const sight = sights.get(region)
  if (sight === undefined) return 'has no lease'
  if (sight.record.status !== 'live' || sight.verdict !== 'renewing') return troubleOf(sight)
  if (drained) return 'is drained'
  const suspect = suspicion(region)
  return suspect === undefined ? undefined : `is suspect: ${suspect}`
}

function troubleOf({ record, verdict, stillMs }: Pick<RegionSight, 'record' | 'verdict' | 'stillMs'>): string {
  if (record.status !== 'live') return `is ${record.status}`
  return `is ${verdict}: it has not renewed its lease for ${(stillMs / 1000).toFixed(1)} s`
}

/** Names that operations bear which took ranges from a region, or tried to bring them back. */
const TAKEN_BY = ['takeover', 'evacuate', 'return'] as const

/**
 * Ranges that the region had, and another owns now. What tells is the operation that last changed the range, by its
 * name or, as long as it is remembered, by its journal entry: a split, merge or other change since makes it forgotten.
 */
export function lostBy(
  region: RegionId,
  ranges: readonly RangeDescriptor[],
  journal: ReadonlyMap<OperationId, JournalEntry>,
): readonly RangeDescriptor[] {
  return ranges.filter(({ owner, operation }) => {
    if (owner === region) return false
    if (TAKEN_BY.some((verb) => operation.startsWith(`${verb}:${region}:`))) return true
    const entry = journal.get(operation)
    return entry?.kind === 'transfer' && entry.source === region
  })
}

/**
 * Where a range of a region that is given up would go: nothing is asked of its owner, but a standby without a copy is of
 * no use.
 */
export function takeOutlookOf(range: RangeDescriptor, world: TransferWorld): TransferOutlook {
  const { sights, ...rest } = world
  const withoutOwner = new Map([...sights].filter(([region]) => region !== range.owner))
  const standbys = range.standbys.filter(
    (standby) => range.status === 'vacant' || world.standbyFacts(range.rangeId, standby).hasPage,
  )
  // A transfer in flight ends by it.
  const settled: RangeDescriptor = { ...range, standbys, status: range.status === 'vacant' ? 'vacant' : 'active' }
  // How transfers ended says nothing of what needs no answer of the target.
  const suspicion = (): undefined => undefined
  const outlook = outlookOf(settled, undefined, { ...rest, suspicion, sights: withoutOwner })
  const uncopied = standbys.length === 0 && range.standbys.length > 0
  return {
    ...outlook,
    range,
    obstacles: uncopied ? ['no standby has a copy of it'] : outlook.obstacles,
    commitMs: world.commitFloorMs ?? 0,
  }
}
