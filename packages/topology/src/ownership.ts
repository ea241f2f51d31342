import { MeridianError } from './errors.ts'
import type { RegionId } from './ids.ts'
import { EMPTY_KEY, EVERY_KEY, formatKey } from './key.ts'
import type { Key } from './key.ts'
import { changeTransfer, setPolicy, takeOver } from './ownership-moves.ts'
import type { SetPolicyCommand, TakeOverCommand, TransferCommand } from './ownership-moves.ts'
import {
  byStart,
  checkBatch,
  checkDistinct,
  checkRegions,
  decided,
  expectedRanges,
  following,
  holderOf,
  named,
  refuse,
  startingAt,
} from './ownership-rules.ts'
import type { OnKeyspace, OnRanges, OwnershipChange, OwnershipContext, OwnershipDecision } from './ownership-rules.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import type { RangeMap } from './range-map.ts'
import { generation } from './token.ts'

export interface Assignment {
  /** Start of an existing range. */
  readonly start: Key
  readonly owner: RegionId
  readonly standbys: readonly RegionId[]
}

export interface CreateKeyspaceCommand extends OnKeyspace {
  readonly kind: 'create-keyspace'
  readonly owner: RegionId
  readonly standbys: readonly RegionId[]
}

/** Each point becomes the start of a range; several may fall into the same range. */
export interface SplitCommand extends OnRanges {
  readonly kind: 'split'
  readonly at: readonly Key[]
}

/** `at` is the bound that disappears. */
export interface MergeCommand extends OnRanges {
  readonly kind: 'merge'
  readonly at: Key
}

export interface AssignCommand extends OnRanges {
  readonly kind: 'assign'
  readonly assignments: readonly Assignment[]
}

export interface ActivateCommand extends OnRanges {
  readonly kind: 'activate'
  readonly starts: readonly Key[]
}

export type OwnershipCommand =
  | CreateKeyspaceCommand
  | SplitCommand
  | MergeCommand
  | AssignCommand
  | ActivateCommand
  | TransferCommand
  | TakeOverCommand
  | SetPolicyCommand

/**
 * What `command` does to `map`: a function of its arguments. It keeps SPEC T1 and T2; it does not know which regions
 * exist, nor where shards begin: a region checks its shard bounds before it asks for a split of an active range, and
 * the caller checks that a region is there before it assigns to it.
 */
export function decideOwnership(
  map: RangeMap,
  command: OwnershipCommand,
  context: OwnershipContext,
): OwnershipDecision {
  try {
    return decide(map, command, context)
  } catch (error) {
    if (error instanceof MeridianError) return { ok: false, error }
    throw error
  }
}

function decide(map: RangeMap, command: OwnershipCommand, context: OwnershipContext): OwnershipChange {
  if (command.kind === 'create-keyspace') return createKeyspace(map, command, context)
  const { keyspace } = command
  if (map.list(keyspace).length === 0) refuse('KEYSPACE_UNKNOWN', `there is no keyspace ${keyspace}`, { keyspace })
  const guarded = expectedRanges(map, command)
  const change = decideOnRanges(map, command, context)
  return { ...change, touched: [...new Set([...change.touched, ...guarded])].toSorted(byStart) }
}

function decideOnRanges(
  map: RangeMap,
  command: Exclude<OwnershipCommand, CreateKeyspaceCommand>,
  context: OwnershipContext,
): OwnershipChange {
  switch (command.kind) {
    case 'split':
      return split(map, command, context)
    case 'merge':
      return merge(map, command, context)
    case 'assign':
      return assign(map, command, context)
    case 'activate':
      return activate(map, command, context)
    case 'begin-transfer':
    case 'freeze-transfer':
    case 'commit-transfer':
    case 'abort-transfer':
      return changeTransfer(map, command, context)
    case 'take-over':
      return takeOver(map, command, context)
    case 'set-policy':
      return setPolicy(map, command, context)
  }
}

function createKeyspace(map: RangeMap, command: CreateKeyspaceCommand, context: OwnershipContext): OwnershipChange {
  const { keyspace, owner, standbys } = command
  if (map.list(keyspace).length > 0) refuse('KEYSPACE_EXISTS', `keyspace ${keyspace} exists`, { keyspace })
  checkRegions(owner, standbys)
  const range: RangeDescriptor = {
    rangeId: context.nextRangeId,
    keyspace,
    ...EVERY_KEY,
    owner,
    standbys: [...standbys],
    generation: generation(1),
    status: 'vacant',
    failover: 'auto',
    budgetMs: 0,
    operation: context.operation,
    stamp: context.stamp,
  }
  return { ok: true, puts: [range], removes: [], touched: [], nextRangeId: following(context.nextRangeId) }
}

function split(map: RangeMap, command: SplitCommand, context: OwnershipContext): OwnershipChange {
  const { keyspace } = command
  checkBatch(command.at.length, 'split points')
  const pointsOf = new Map<RangeDescriptor, Key[]>()
  for (const point of command.at.toSorted()) {
    const range = holderOf(map, keyspace, point)
    checkSettled(range)
    const points = pointsOf.get(range) ?? []
    if (point === range.start || points.at(-1) === point) {
      refuse(
        'RANGE_EMPTY',
        `a range starts at ${formatKey(point)} already: splitting there would leave an empty range`,
        {
          keyspace,
          key: formatKey(point),
        },
      )
    }
    pointsOf.set(range, [...points, point])
  }

  const puts: RangeDescriptor[] = []
  let nextRangeId = context.nextRangeId
  for (const [range, points] of pointsOf) {
    for (const [index, start] of [range.start, ...points].entries()) {
      const first = index === 0
      puts.push({
        ...range,
        // The leftmost child keeps the id, so a range id keeps its start for life (SPEC T6 rests on it).
        rangeId: first ? range.rangeId : nextRangeId,
        start,
        end: points[index] ?? range.end,
        ...decided(context, following(range.generation)),
      })
      if (!first) nextRangeId = following(nextRangeId)
    }
  }
  return { ok: true, puts, removes: [], touched: [...pointsOf.keys()], nextRangeId }
}

/** A transfer is about one range with one set of bounds and standbys: they stay as they are until it ends. */
function checkSettled(range: RangeDescriptor): void {
  if (range.status === 'moving' || range.status === 'frozen') {
    refuse('RANGE_BUSY', `${named(range)} is ${range.status}: transfer ${range.operation} is under way`, {
      keyspace: range.keyspace,
      rangeId: String(range.rangeId),
      operation: range.operation,
    })
  }
}

function merge(map: RangeMap, command: MergeCommand, context: OwnershipContext): OwnershipChange {
  const { keyspace, at } = command
  const right = startingAt(map, keyspace, at)
  if (at === EMPTY_KEY) refuse('NOT_ADJACENT', 'no range lies before the first one', { keyspace })
  const left = map.list(keyspace).findLast((range) => range.start < at)
  if (left === undefined || left.end !== at) throw new Error(`T1 broken: ${map.violation()}`)
  if (left.owner !== right.owner) {
    refuse('OWNERS_DIFFER', `${named(left)} is owned by ${left.owner}, ${named(right)} by ${right.owner}`, { keyspace })
  }
  checkSettled(left)
  checkSettled(right)
  if (left.status !== right.status) {
    refuse('RANGE_BUSY', `${named(left)} is ${left.status} and ${named(right)} is ${right.status}`, { keyspace })
  }
  // A continuation bought for one half would be lowered, or sold to the other, without anybody having asked.
  if (left.failover !== right.failover || left.budgetMs !== right.budgetMs) {
    refuse('RANGE_BUSY', `${named(left)} and ${named(right)} fail over by different policies`, { keyspace })
  }
  // Above both: with "left + 1", a token of the right half could look newer than the merged range's.
  const above = left.generation > right.generation ? left.generation : right.generation
  const put = { ...left, end: right.end, ...decided(context, following(above)) }
  return { ok: true, puts: [put], removes: [right], touched: [left, right], nextRangeId: context.nextRangeId }
}

function assign(map: RangeMap, command: AssignCommand, context: OwnershipContext): OwnershipChange {
  const { keyspace, assignments } = command
  checkBatch(assignments.length, 'assignments')
  checkDistinct(assignments.map(({ start }) => start))
  const touched: RangeDescriptor[] = []
  const puts: RangeDescriptor[] = []
  for (const { start, owner, standbys } of assignments.toSorted(byStart)) {
    checkRegions(owner, standbys)
    const range = startingAt(map, keyspace, start)
    touched.push(range)
    const sameOwner = range.owner === owner
    if (sameOwner && range.standbys.join() === standbys.join()) continue
    checkSettled(range)
    // Other standbys of an active range copy it; another owner must have copied it before.
    if (range.status !== 'vacant' && !sameOwner) {
      refuse('RANGE_NOT_VACANT', `${named(range)} is ${range.status}: move its data with a planned transfer`, {
        keyspace,
        rangeId: String(range.rangeId),
      })
    }
    const next = sameOwner ? range.generation : following(range.generation)
    puts.push({ ...range, owner, standbys: [...standbys], ...decided(context, next) })
  }
  return { ok: true, puts, removes: [], touched, nextRangeId: context.nextRangeId }
}

function activate(map: RangeMap, command: ActivateCommand, context: OwnershipContext): OwnershipChange {
  const { keyspace, starts } = command
  checkBatch(starts.length, 'ranges')
  checkDistinct(starts)
  const touched = starts.toSorted().map((start) => startingAt(map, keyspace, start))
  const puts = touched
    .filter((range) => range.status === 'vacant')
    .map((range): RangeDescriptor => ({ ...range, status: 'active', ...decided(context, range.generation) }))
  return { ok: true, puts, removes: [], touched, nextRangeId: context.nextRangeId }
}
