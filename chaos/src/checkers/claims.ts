import type { HistoryEvent } from '../history/event.ts'
import { checkerNamed } from './all-checkers.ts'
import { verdictOf } from './checker.ts'
import { checkDeclaredRows } from './declared-rows.ts'
import { checkCommitFloor, checkLinks } from './lab-sanity.ts'
import { checkOneHop } from './one-hop.ts'
import { checkCounts, checkSample } from './read-back.ts'
import { checkServedAgain } from './served-again.ts'
import { checkStaleRefused } from './stale-refused.ts'
import type { Verdict } from './verdict.ts'

export interface Claim {
  readonly name: string
  readonly says: string
  /** Acts without which there is nothing to check; a claim of an act that was not to be played is not made. */
  readonly needs: readonly string[]
  readonly check: (history: readonly HistoryEvent[]) => Verdict
}

export interface JudgedClaim extends Verdict {
  readonly claim: string
  readonly says: string
}

/** Claims on what the stores committed. */
const ON_STORES = [
  'witness',
  'one-owner',
  'generations',
  'subordination',
  'one-leader',
  'stamp-order',
  'operations',
  'one-history',
] as const

/** A claim that an invariant's checker makes, of the acts that record what it needs. */
function claim(name: string, needs: Claim['needs']): Claim {
  const { says, check } = checkerNamed(name)
  return { name, says, needs, check }
}

/** @param keyspace the one that the demo writes to */
export function claimsOn(keyspace: string): readonly Claim[] {
  return [
    { name: 'links', says: 'links are as long as set, and cuts hold', needs: ['up'], check: checkLinks },
    { name: 'counts', says: "counts per country equal the input's", needs: ['load'], check: checkCounts },
    { name: 'sample', says: 'what is read is what was written', needs: ['load'], check: checkSample },
    claim('no-loss', ['load']),
    claim('at-most-once', ['failover']),
    claim('failed', ['failover']),
    claim('log-order', ['load']),
    claim('tokens', ['failover']),
    { name: 'one-hop', says: 'a stale router is corrected by the refusal alone', needs: ['stale'], check: checkOneHop },
    {
      name: 'served-again',
      says: 'shards that lost their leader are served again',
      needs: ['failover'],
      check: checkServedAgain,
    },
    {
      name: 'stale-refused',
      says: 'a deposed leader that wakes up is refused',
      needs: ['pause'],
      check: (history) => checkStaleRefused(history, keyspace),
    },
    {
      name: 'declared',
      says: 'what the loss of a region cost is declared',
      needs: ['loss'],
      check: checkDeclaredRows,
    },
    { name: 'floor', says: 'no commit is faster than distance allows', needs: ['tax'], check: checkCommitFloor },
    ...ON_STORES.map((name) => claim(name, ['load'])),
  ]
}

/** Judges the claims that the acts played can support. A checker that throws says nothing, so its claim is unknown. */
export function judge(
  claims: readonly Claim[],
  played: ReadonlySet<string>,
  history: readonly HistoryEvent[],
): readonly JudgedClaim[] {
  return claims
    .filter(({ needs }) => needs.every((act) => played.has(act)))
    .map(({ name, says, check }) => ({ claim: name, says, ...verdictOf({ check }, history) }))
}
