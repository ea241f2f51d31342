import { MeridianError } from '@meridian/topology'
import type { LeaseId, StoreRecord } from './store.ts'

/** Candidates of a role stand under one prefix; the one created first leads. */
export function electionPrefix(role: string): string {
  if (!/^[a-z0-9][a-z0-9._-]{0,62}$/.test(role)) {
    throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(role.slice(0, 80))} is no role.`)
  }
  return `/elect/${role}/`
}

/** A key per lease, so that a candidate can read back whether its own unanswered creation happened. */
export function electionKey(role: string, lease: LeaseId): string {
  return electionPrefix(role) + lease
}

export function firstCreated(candidates: Iterable<StoreRecord>): StoreRecord | undefined {
  let first: StoreRecord | undefined
  for (const candidate of candidates) {
    if (first === undefined || candidate.createRevision < first.createRevision) first = candidate
  }
  return first
}
