import {
  GLOBAL_PUBLISHED_PREFIXES,
  INCARNATION_KEY,
  JOURNAL_PREFIX,
  NEXT_RANGE_ID_KEY,
  REGION_PUBLISHED_PREFIXES,
  STAMP_KEY,
} from '@meridian/topology'
import { GLOBAL_TIER } from '../history/store-event.ts'
import { ELECTION_PREFIX, REGION_LEASE_PREFIX } from './commit-decoder.ts'

/** Records of operations have no constant of their own: `operationKey` is this and the id. */
const OPERATION_PREFIX = '/op/'
const GLOBAL_PREFIXES = [
  ...GLOBAL_PUBLISHED_PREFIXES,
  OPERATION_PREFIX,
  STAMP_KEY,
  INCARNATION_KEY,
  NEXT_RANGE_ID_KEY,
  ELECTION_PREFIX,
  REGION_LEASE_PREFIX,
  JOURNAL_PREFIX,
] as const
const REGION_PREFIXES = [...REGION_PUBLISHED_PREFIXES, STAMP_KEY, INCARNATION_KEY, ELECTION_PREFIX] as const

/** Where everything lies that a tier orders, and what it rests on. */
export function prefixesOf(tier: string): readonly string[] {
  return tier === GLOBAL_TIER ? GLOBAL_PREFIXES : REGION_PREFIXES
}
