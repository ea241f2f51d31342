import type { Key } from './key.ts'
import type { KeyspaceName, NodeId, OperationId, RangeId, RegionId } from './ids.ts'

/**
 * Where each record lives in its etcd cluster. Store keys are ASCII text; everything a stream publishes lies under one
 * of its published prefixes.
 *
 * G:    /range/<keyspace>/<hex of start>   RangeDescriptor   (published)
 *       /member/<region>                   RegionRecord      (published)
 *       /region/<region>                   region lease: term and counter
 *       /op/<operation id>                 outcome of a mutation
 *       /journal/<operation id>            transfer or takeover in flight, or lately ended
 *       /drain/<region>                    nobody hands ownership to this region
 *       /next-range-id, /stamp, /inc
 * E(r): /page/<range id, 10 digits>        Page              (published)
 *       /node/<node id>                    NodeRecord        (published)
 *       /renewals                          batched renewals of nodes
 *       /move/<operation id>               a replica on its way from node to node, or lately moved
 *       /stamp, /inc
 * both: /elect/<role>/...                  elections
 */
export const RANGE_PREFIX = '/range/'
export const MEMBER_PREFIX = '/member/'
export const PAGE_PREFIX = '/page/'
export const NODE_PREFIX = '/node/'
export const STAMP_KEY = '/stamp'
export const INCARNATION_KEY = '/inc'
export const NEXT_RANGE_ID_KEY = '/next-range-id'
export const RENEWALS_KEY = '/renewals'

export const GLOBAL_PUBLISHED_PREFIXES = [RANGE_PREFIX, MEMBER_PREFIX] as const
export const REGION_PUBLISHED_PREFIXES = [PAGE_PREFIX, NODE_PREFIX] as const

export function keyspacePrefix(keyspace: KeyspaceName): string {
  return `${RANGE_PREFIX}${keyspace}/`
}

/** Hex keeps the byte order of the starts, so a scan of a keyspace's prefix lists its ranges in key order. */
export function rangeKey(keyspace: KeyspaceName, start: Key): string {
  return keyspacePrefix(keyspace) + Buffer.from(start, 'latin1').toString('hex')
}

export function pageKey(range: RangeId): string {
  return PAGE_PREFIX + String(range).padStart(10, '0')
}

export const nodeKey = (node: NodeId): string => NODE_PREFIX + node
export const memberKey = (region: RegionId): string => MEMBER_PREFIX + region
export const regionLeaseKey = (region: RegionId): string => `/region/${region}`
export const operationKey = (operation: OperationId): string => `/op/${operation}`
export const JOURNAL_PREFIX = '/journal/'
export const journalKey = (operation: OperationId): string => JOURNAL_PREFIX + operation
export const DRAIN_PREFIX = '/drain/'
export const drainKey = (region: RegionId): string => DRAIN_PREFIX + region
