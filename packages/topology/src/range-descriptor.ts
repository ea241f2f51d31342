import type { Timestamp } from '@meridian/hlc'
import { formatKeyRange, rangeIsEmpty } from './key.ts'
import type { KeyRange } from './key.ts'
import type { KeyspaceName, OperationId, RangeId, RegionId } from './ids.ts'
import type { Generation } from './token.ts'

/**
 * - `vacant`: no region has opened it, so no replica can hold data of it; its owner and bounds may change freely.
 * - `active`: its owner region has opened it and may order writes in it.
 *
 * A vacant range never becomes vacant again once it was active: its data would be orphaned.
 */
export const RANGE_STATUSES = ['vacant', 'active'] as const
export type RangeStatus = (typeof RANGE_STATUSES)[number]

/** The record of a range in the global tier: which region orders writes for these keys, and since which decision. */
export interface RangeDescriptor extends KeyRange {
  readonly rangeId: RangeId
  readonly keyspace: KeyspaceName
  readonly owner: RegionId
  /** Regions that may take over, in order of preference. */
  readonly standbys: readonly RegionId[]
  /** Rises on every change of owner or bounds, for every key of the range (SPEC T2). */
  readonly generation: Generation
  readonly status: RangeStatus
  /** The operation that wrote this record. */
  readonly operation: OperationId
  /** When it was decided; rises with the revision of the global tier. */
  readonly stamp: Timestamp
}

/** Standby regions of one range. */
export const STANDBYS_MAX = 8

/** What is wrong with `range` taken by itself, in words; undefined when nothing is. */
export function rangeComplaint(range: RangeDescriptor): string | undefined {
  if (rangeIsEmpty(range)) return `its interval ${formatKeyRange(range)} holds no key`
  if (range.generation < 1n) return `its generation is ${range.generation}, and the first one is 1`
  if (range.standbys.length > STANDBYS_MAX) return `it has ${range.standbys.length} standbys of at most ${STANDBYS_MAX}`
  if (new Set([range.owner, ...range.standbys]).size !== range.standbys.length + 1) {
    return `owner ${range.owner} and standbys ${range.standbys.join(', ')} are not distinct regions`
  }
  return undefined
}
