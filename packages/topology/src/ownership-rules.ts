import type { Timestamp } from '@meridian/hlc'
import { MeridianError } from './errors.ts'
import type { ErrorCode } from './errors.ts'
import { rangeId } from './ids.ts'
import type { KeyspaceName, OperationId, RangeId, RegionId } from './ids.ts'
import { formatKey, formatKeyRange } from './key.ts'
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

export interface OnKeyspace {
  readonly keyspace: KeyspaceName
}

export interface OnRanges extends OnKeyspace {
  readonly expected?: readonly ExpectedGeneration[]
}

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

/** The fields that every decision writes anew. */
export function decided(
  { operation, stamp }: OwnershipContext,
  next: Generation,
): Pick<RangeDescriptor, 'generation' | 'operation' | 'stamp'> {
  return { generation: next, operation, stamp }
}

export function following(value: RangeId): RangeId
export function following(value: Generation): Generation
export function following(value: RangeId | Generation): RangeId | Generation {
  return typeof value === 'bigint' ? generation(value + 1n) : rangeId(value + 1)
}

export function expectedRanges(map: RangeMap, { keyspace, expected = [] }: OnRanges): RangeDescriptor[] {
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

export function startingAt(map: RangeMap, keyspace: KeyspaceName, start: Key): RangeDescriptor {
  return (
    map.get(keyspace, start) ??
    refuse('RANGE_UNKNOWN', `no range of keyspace ${keyspace} starts at ${formatKey(start)}`, {
      keyspace,
      start: formatKey(start),
    })
  )
}

export function holderOf(map: RangeMap, keyspace: KeyspaceName, key: Key): RangeDescriptor {
  const range = map.find(keyspace, key)
  if (range === undefined) throw new Error(`T1 broken: ${map.violation()}`)
  return range
}

export function checkBatch(count: number, what: string): void {
  if (count === 0) refuse('INVALID_ARGUMENT', `no ${what} are given`)
  if (count > OWNERSHIP_BATCH_MAX)
    refuse('REQUEST_TOO_LARGE', `${count} ${what}; at most ${OWNERSHIP_BATCH_MAX} in one command`)
}

export function checkDistinct(starts: readonly Key[]): void {
  if (new Set(starts).size !== starts.length) refuse('INVALID_ARGUMENT', 'a range is named twice')
}

export function checkRegions(owner: RegionId, standbys: readonly RegionId[]): void {
  if (standbys.length > STANDBYS_MAX) refuse('INVALID_ARGUMENT', `${standbys.length} standbys; at most ${STANDBYS_MAX}`)
  if (new Set([owner, ...standbys]).size !== standbys.length + 1) {
    refuse('INVALID_ARGUMENT', `owner ${owner} and standbys ${standbys.join(', ')} are not distinct regions`)
  }
}

export function byStart(a: { readonly start: Key }, b: { readonly start: Key }): number {
  return a.start === b.start ? 0 : a.start < b.start ? -1 : 1
}

export function named(range: RangeDescriptor): string {
  return `range ${range.rangeId} ${formatKeyRange(range)}`
}

export function refuse(code: ErrorCode, message: string, details?: Readonly<Record<string, string>>): never {
  throw new MeridianError(code, message, details === undefined ? undefined : { details })
}
