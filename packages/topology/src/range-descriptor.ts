import type { Timestamp } from '@meridian/hlc'
import { formatKeyRange, rangeIsEmpty } from './key.ts'
import type { KeyRange } from './key.ts'
import type { KeyspaceName, OperationId, RangeId, RegionId } from './ids.ts'
import type { Generation } from './token.ts'

/**
 * - `vacant`: no region has opened it, so no replica can hold data of it; its owner and bounds may change freely.
 * - `active`: its owner region has opened it and may order writes in it.
 * - `moving`: as active, and a planned transfer, named by `operation`, copies it to a standby region.
 * - `frozen`: still its owner's, under the same generation; its leaders refuse writes, for the same transfer.
 *
 * A range never becomes vacant again once it was active: its data would be orphaned.
 */
export const RANGE_STATUSES = ['vacant', 'active', 'moving', 'frozen'] as const
export type RangeStatus = (typeof RANGE_STATUSES)[number]

/**
 * Who may take the range from a silent owner.
 * - `auto`: the failover authority, after W_R of silence.
 * - `manual`: only a person; the owner may therefore go on for `budgetMs` after its last renewal.
 */
export const FAILOVER_POLICIES = ['auto', 'manual'] as const
export type FailoverPolicy = (typeof FAILOVER_POLICIES)[number]

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
  readonly failover: FailoverPolicy
  /** How long the owner may go on after its last renewal, ms, if that is longer than the lease; 0 under `auto`. */
  readonly budgetMs: number
  /** The operation that wrote this record; while it is moving or frozen, the transfer. */
  readonly operation: OperationId
  /** When it was decided; rises with the revision of the global tier. */
  readonly stamp: Timestamp
}

/** Whether the range may hold data: its owner region has pages for it, and its standbys copies. */
export function rangeIsOpen({ status }: RangeDescriptor): boolean {
  return status !== 'vacant'
}

/** Standby regions of one range. */
export const STANDBYS_MAX = 8
/** Longest continuation that can be bought in advance: a day. */
export const BUDGET_MS_MAX = 86_400_000

/** What is wrong with `range` taken by itself, in words; undefined when nothing is. */
export function rangeComplaint(range: RangeDescriptor): string | undefined {
  if (rangeIsEmpty(range)) return `its interval ${formatKeyRange(range)} holds no key`
  if (range.generation < 1n) return `its generation is ${range.generation}, and the first one is 1`
  if (range.standbys.length > STANDBYS_MAX) return `it has ${range.standbys.length} standbys of at most ${STANDBYS_MAX}`
  if (new Set([range.owner, ...range.standbys]).size !== range.standbys.length + 1) {
    return `owner ${range.owner} and standbys ${range.standbys.join(', ')} are not distinct regions`
  }
  return policyComplaint(range)
}

/** What is wrong with a failover policy, in words; undefined when nothing is. */
export function policyComplaint({
  failover,
  budgetMs,
}: Pick<RangeDescriptor, 'failover' | 'budgetMs'>): string | undefined {
  if (!Number.isInteger(budgetMs) || budgetMs < 0 || budgetMs > BUDGET_MS_MAX) {
    return `its budget ${budgetMs} is no integer from 0 to ${BUDGET_MS_MAX} ms`
  }
  // The owner would go on while the authority takes the range: two owners.
  if (failover === 'auto' && budgetMs !== 0) return `it has a budget of ${budgetMs} ms under automatic failover`
  return undefined
}
