import { OWNERSHIP_BATCH_MAX, rangesOverlap } from '@meridian/topology'
import type {
  Generation,
  KeyspaceName,
  OperationId,
  RangeDescriptor,
  RangeId,
  RegionId,
  Taking,
} from '@meridian/topology'
import type { BudgetHold } from './budget-hold.ts'

/** What is known here of a standby region's copy of a range. */
export interface StandbyFacts {
  /** It has a standby page under the range's generation: nodes there were told to copy. */
  readonly hasPage: boolean
  /** When last heard, it was far behind; undefined: not known. */
  readonly lagging?: boolean
}

/** What is taken from where, and by which right. */
export interface TakeRight {
  readonly region: RegionId
  /** An operator took the authority away: also of ranges that wait for a person. */
  readonly forced: boolean
  /** Nothing has to be waited for. */
  readonly poweredOff: boolean
  /** Since the region's authority was seen to be gone, ms. */
  readonly goneMs: number
}

export interface TakeWorld {
  readonly ranges: readonly RangeDescriptor[]
  readonly standbyFacts: (range: RangeId, region: RegionId) => StandbyFacts
  /** The more, the sooner; 0 where nothing is known. */
  readonly importance: (range: RangeId) => number
  /** Lowered continuations, with how long they have been known here, ms. */
  readonly holds: readonly (BudgetHold & { readonly operation: OperationId; readonly knownMs: number })[]
  /** Why a region may not be given anything now; undefined: it may. */
  readonly objection: (region: RegionId) => string | undefined
  /** How long a taker waits where a holder counts so long. */
  readonly waitMsOf: (leaseMs: number) => number
}

export interface Batch {
  readonly keyspace: KeyspaceName
  readonly takes: readonly (Taking & { readonly rangeId: RangeId; readonly generation: Generation })[]
}

export interface TakePlan {
  readonly batches: readonly Batch[]
  /** Ranges that stay the region's for now. */
  readonly left: number
  /** All that is left waits for a person. */
  readonly settled: boolean
  /** Who gets what and why, what is left and why; for people. */
  readonly note: string
}

type Verdict =
  | { readonly kind: 'take'; readonly target: RegionId; readonly why: string }
  | { readonly kind: 'leave'; readonly why: string; readonly person: boolean }

/** Who gets which range of the region: a function of its arguments. */
export function planTakes(right: TakeRight, world: TakeWorld): TakePlan {
  const ranges = world.ranges
    .filter(({ owner }) => owner === right.region)
    .map((range) => ({ range, importance: world.importance(range.rangeId) }))
    .toSorted((a, b) => b.importance - a.importance || a.range.rangeId - b.range.rangeId)
  const batches: { keyspace: KeyspaceName; takes: Batch['takes'][number][] }[] = []
  const open = new Map<KeyspaceName, Batch['takes'][number][]>()
  const reasons = new Map<string, number>()
  let left = 0
  let settled = true
  for (const { range } of ranges) {
    const verdict = judge(range, right, world)
    const reason = verdict.kind === 'take' ? `to ${verdict.target}, ${verdict.why}` : `left: ${verdict.why}`
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
    if (verdict.kind === 'leave') {
      left += 1
      settled &&= verdict.person
      continue
    }
    const { rangeId, start, generation, keyspace } = range
    const take = { rangeId, start, generation, target: verdict.target }
    const takes = open.get(keyspace)
    if (takes !== undefined && takes.length < OWNERSHIP_BATCH_MAX) takes.push(take)
    else {
      const fresh = [take]
      open.set(keyspace, fresh)
      batches.push({ keyspace, takes: fresh })
    }
  }
  return { batches, left, settled, note: summary(reasons) }
}

function judge(range: RangeDescriptor, right: TakeRight, world: TakeWorld): Verdict {
  const waits = stillGoing(range, right, world)
  if (waits !== undefined) return { kind: 'leave', why: waits, person: range.failover === 'manual' && !right.forced }
  if (range.standbys.length === 0) return { kind: 'leave', why: 'no standby is named', person: true }
  const objections: string[] = []
  const fit: { region: RegionId; lagging: boolean }[] = []
  for (const region of range.standbys) {
    const facts = world.standbyFacts(range.rangeId, region)
    const objection =
      world.objection(region) ?? (range.status !== 'vacant' && !facts.hasPage ? 'has no standby page of it' : undefined)
    if (objection === undefined) fit.push({ region, lagging: facts.lagging === true && range.status !== 'vacant' })
    else objections.push(`${region} ${objection}`)
  }
  const best = fit.find(({ lagging }) => !lagging) ?? fit[0]
  const passedOver = fit.slice(0, best === undefined ? 0 : fit.indexOf(best)).map(({ region }) => `${region} lags`)
  const against = [...objections, ...passedOver]
  if (best === undefined) return { kind: 'leave', why: against.join(', '), person: false }
  const place = best.region === range.standbys[0] ? 'its first standby' : against.join(', ')
  return { kind: 'take', target: best.region, why: best.lagging ? `${place}, although it lags` : place }
}

/** Why the old owner may still go on in this range; undefined when it surely does not. */
function stillGoing(range: RangeDescriptor, right: TakeRight, world: TakeWorld): string | undefined {
  if (right.poweredOff) return undefined
  if (range.failover === 'manual') {
    if (!right.forced) return 'fails over by hand only'
    if (right.goneMs < world.waitMsOf(range.budgetMs)) return `its owner may go on for ${range.budgetMs} ms, as bought`
  }
  const hold = world.holds.find((each) => each.keyspace === range.keyspace && rangesOverlap(each, range))
  if (hold === undefined || hold.knownMs >= world.waitMsOf(hold.budgetMs)) return undefined
  return `its owner may not have heard yet that ${hold.budgetMs} ms are no longer bought`
}

/** Reasons told at most; the rest is counted. */
const REASONS_MAX = 8

function summary(reasons: ReadonlyMap<string, number>): string {
  const sorted = [...reasons].toSorted(([, a], [, b]) => b - a)
  const told = sorted.slice(0, REASONS_MAX).map(([reason, count]) => `${count} ${reason}`)
  const rest = sorted.slice(REASONS_MAX).reduce((sum, [, count]) => sum + count, 0)
  return [...told, ...(rest > 0 ? [`${rest} for other reasons`] : [])].join('; ')
}
