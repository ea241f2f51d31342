import type { HistoryEvent } from '../history/event.ts'
import { checkAcknowledgedWrites } from './acknowledged-writes.ts'
import { checkAtMostOnce } from './at-most-once.ts'
import { checkClientTokens } from './client-tokens.ts'
import { checkFailedWrites } from './failed-writes.ts'
import { checkCommitFloor, checkLinks } from './lab-sanity.ts'
import { checkLogOrder } from './log-order.ts'
import { checkOneHop } from './one-hop.ts'
import { checkCounts, checkSample } from './read-back.ts'
import { checkServedAgain } from './served-again.ts'
import { checkStaleRefused } from './stale-refused.ts'
import { STORE_CLAIMS } from './store-claims.ts'
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

/** @param keyspace the one that the demo writes to */
export function claimsOn(keyspace: string): readonly Claim[] {
  return [
    { name: 'links', says: 'links are as long as set, and cuts hold', needs: ['up'], check: checkLinks },
    { name: 'counts', says: "counts per country equal the input's", needs: ['load'], check: checkCounts },
    { name: 'sample', says: 'what is read is what was written', needs: ['load'], check: checkSample },
    { name: 'no-loss', says: 'no acknowledged write is lost', needs: ['load'], check: checkAcknowledgedWrites },
    { name: 'at-most-once', says: 'no write is applied twice', needs: ['failover'], check: checkAtMostOnce },
    { name: 'failed', says: 'what was reported failed is nowhere', needs: ['failover'], check: checkFailedWrites },
    { name: 'log-order', says: 'log order is token order and real-time order', needs: ['load'], check: checkLogOrder },
    { name: 'tokens', says: 'tokens seen by a client never fall', needs: ['failover'], check: checkClientTokens },
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
    { name: 'floor', says: 'no commit is faster than distance allows', needs: ['tax'], check: checkCommitFloor },
    ...STORE_CLAIMS,
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
    .map(({ name, says, check }) => {
      try {
        return { claim: name, says, ...check(history) }
      } catch (error) {
        const why = `the checker failed: ${error instanceof Error ? error.message : String(error)}`
        return { claim: name, says, verdict: 'unknown' as const, why, counts: {} }
      }
    })
}
