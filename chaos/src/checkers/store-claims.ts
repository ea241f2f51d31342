import type { Claim } from './claims.ts'
import { checkKeyGenerations } from './key-generations.ts'
import { checkOneHistory } from './one-history.ts'
import { checkOneOwner } from './one-owner.ts'
import { checkOperationOutcomes } from './operation-outcomes.ts'
import { checkShardLeaders } from './shard-leaders.ts'
import { checkStampOrder } from './stamp-order.ts'
import { checkSubordination } from './subordination.ts'
import { checkWitnessReplay } from './witness-replay.ts'

const needs = ['load']

/** Claims on what the stores committed, as witnesses saw it. */
export const STORE_CLAIMS: readonly Claim[] = [
  { name: 'witness', says: 'what the witnesses saw leads to what the stores hold', needs, check: checkWitnessReplay },
  { name: 'one-owner', says: 'every key has one owner at every revision', needs, check: checkOneOwner },
  { name: 'generations', says: "a key's generation rises with owner and bounds", needs, check: checkKeyGenerations },
  { name: 'subordination', says: 'regions commit only what G gave them', needs, check: checkSubordination },
  { name: 'one-leader', says: 'a token names one leader in one life', needs, check: checkShardLeaders },
  { name: 'stamp-order', says: 'stamps rise with revisions in each tier', needs, check: checkStampOrder },
  { name: 'operations', says: 'an operation has one outcome', needs, check: checkOperationOutcomes },
  { name: 'one-history', says: 'all logs of a store agree on what it committed', needs, check: checkOneHistory },
]
