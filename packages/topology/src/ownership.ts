import type { Timestamp } from '@meridian/hlc'
import { MeridianError } from './errors.ts'
import type { ErrorCode } from './errors.ts'
import { rangeId } from './ids.ts'
import type { KeyspaceName, OperationId, RangeId, RegionId } from './ids.ts'
import { EMPTY_KEY, EVERY_KEY, formatKey, formatKeyRange } from './key.ts'
import type { Key } from './key.ts'
import { STANDBYS_MAX } from './range-descriptor.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import type { RangeMap } from './range-map.ts'
import { generation } from './token.ts'
import type { Generation } from './token.ts'

/**
 * Points, assignments or starts of one command. A decision becomes one transaction, etcd takes 128 operations in each
 * of its lists, and a split point costs a compare and up to two puts.
 */
export const OWNERSHIP_BATCH_MAX = 40

/** What the caller believes a range's generation to be; the command is refused when it is another one by now. */
export interface ExpectedGeneration {
  readonly start: Key
  readonly generation: Generation
}

export interface Assignment {
  /** Start of an existing range. */
  readonly start: Key
  readonly owner: RegionId
  readonly standbys: readonly RegionId[]
}

interface OnKeyspace {
  readonly keyspace: KeyspaceName
}

interface OnRanges extends OnKeyspace {
  readonly expected?: readonly ExpectedGeneration[]
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

export type OwnershipCommand = CreateKeyspaceCommand | SplitCommand | MergeCommand | AssignCommand | ActivateCommand

export interface OwnershipContext {
  readonly operation: OperationId
  readonly stamp: Timestamp
  /** The lowest range id never given out. */
  readonly nextRangeId: RangeId
}

export interface OwnershipChange {
  readonly ok: true
  /** Descriptors to write, in key order; empty when what was asked for is so already. */
  readonly puts: readonly RangeDescriptor[]
  readonly removes: readonly RangeDescriptor[]
  /**
   * Existing descriptors that the decision rests on: the transaction must be guarded on each still being as it was. A
   * created keyspace has none to name: guard on the absence of its first range.
   */
  readonly touched: readonly RangeDescriptor[]
  readonly nextRangeId: RangeId
}

export interface OwnershipRefusal {
  readonly ok: false
  readonly error: MeridianError
}

export type OwnershipDecision = OwnershipChange | OwnershipRefusal

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

function merge(map: RangeMap, command: MergeCommand, context: OwnershipContext): OwnershipChange {
  const { keyspace, at } = command
  const right = startingAt(map, keyspace, at)
  if (at === EMPTY_KEY) refuse('NOT_ADJACENT', 'no range lies before the first one', { keyspace })
  const left = map.list(keyspace).findLast((range) => range.start < at)
  if (left === undefined || left.end !== at) throw new Error(`T1 broken: ${map.violation()}`)
  if (left.owner !== right.owner) {
    refuse('OWNERS_DIFFER', `${named(left)} is owned by ${left.owner}, ${named(right)} by ${right.owner}`, { keyspace })
  }
  if (left.status !== right.status) {
    refuse('RANGE_BUSY', `${named(left)} is ${left.status} and ${named(right)} is ${right.status}`, { keyspace })
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
    if (range.status !== 'vacant') {
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

/** The fields that every decision writes anew. */
function decided(
  { operation, stamp }: OwnershipContext,
  next: Generation,
): Pick<RangeDescriptor, 'generation' | 'operation' | 'stamp'> {
  return { generation: next, operation, stamp }
}

function following(value: RangeId): RangeId
function following(value: Generation): Generation
function following(value: RangeId | Generation): RangeId | Generation {
  return typeof value === 'bigint' ? generation(value + 1n) : rangeId(value + 1)
}

function expectedRanges(map: RangeMap, { keyspace, expected = [] }: OnRanges): RangeDescriptor[] {
  if (expected.length > OWNERSHIP_BATCH_MAX) {
    refuse(
      'REQUEST_TOO_LARGE',
      `${expected.length} expected generations; at most ${OWNERSHIP_BATCH_MAX} in one command`,
    )
  }
  return expected.map((belief) => {
    const range = map.get(keyspace, belief.start)
    if (range?.generation === belief.generation) return range
    const found = range === undefined ? 'no range starts there' : `it has generation ${range.generation}`
    return refuse(
      'GENERATION_MISMATCH',
      `the range at ${formatKey(belief.start)} was expected at generation ${belief.generation}; ${found}`,
      {
        keyspace,
        start: formatKey(belief.start),
        expected: String(belief.generation),
        ...(range === undefined ? {} : { actual: String(range.generation) }),
      },
    )
  })
}

function startingAt(map: RangeMap, keyspace: KeyspaceName, start: Key): RangeDescriptor {
  return (
    map.get(keyspace, start) ??
    refuse('RANGE_UNKNOWN', `no range of keyspace ${keyspace} starts at ${formatKey(start)}`, {
      keyspace,
      start: formatKey(start),
    })
  )
}

function holderOf(map: RangeMap, keyspace: KeyspaceName, key: Key): RangeDescriptor {
  const range = map.find(keyspace, key)
  if (range === undefined) throw new Error(`T1 broken: ${map.violation()}`)
  return range
}

function checkBatch(count: number, what: string): void {
  if (count === 0) refuse('INVALID_ARGUMENT', `no ${what} are given`)
  if (count > OWNERSHIP_BATCH_MAX)
    refuse('REQUEST_TOO_LARGE', `${count} ${what}; at most ${OWNERSHIP_BATCH_MAX} in one command`)
}

function checkDistinct(starts: readonly Key[]): void {
  if (new Set(starts).size !== starts.length) refuse('INVALID_ARGUMENT', 'a range is named twice')
}

function checkRegions(owner: RegionId, standbys: readonly RegionId[]): void {
  if (standbys.length > STANDBYS_MAX) refuse('INVALID_ARGUMENT', `${standbys.length} standbys; at most ${STANDBYS_MAX}`)
  if (new Set([owner, ...standbys]).size !== standbys.length + 1) {
    refuse('INVALID_ARGUMENT', `owner ${owner} and standbys ${standbys.join(', ')} are not distinct regions`)
  }
}

function byStart(a: { readonly start: Key }, b: { readonly start: Key }): number {
  return a.start === b.start ? 0 : a.start < b.start ? -1 : 1
}

function named(range: RangeDescriptor): string {
  return `range ${range.rangeId} ${formatKeyRange(range)}`
}

function refuse(code: ErrorCode, message: string, details?: Readonly<Record<string, string>>): never {
  throw new MeridianError(code, message, details === undefined ? undefined : { details })
}
