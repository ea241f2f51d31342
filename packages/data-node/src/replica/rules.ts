import { compareTokens, tokensEqual } from '@meridian/topology'
import type { NodeId, Token } from '@meridian/topology'
import { ratchet } from '../fence/ratchet.ts'
import type { Ratchet } from '../fence/ratchet.ts'
import type { LogPosition } from './log-entry.ts'
import { quorumSets } from './members.ts'
import type { Quarantined } from './quarantine.ts'
import type { Mandate } from './replica-state.ts'

/**
 * The rules that the safety argument of SPEC.md rests on, apart from the machinery around them, so that the simulation
 * can break each one and show that its checker notices. Nothing but `RULES` is ever used outside tests.
 */
export interface Rules {
  /** R1: a replica's answer to a token. */
  readonly ratchet: (promised: Token, offered: Token) => Ratchet
  /** R2: replicas that must seal before a leader serves, and that must hold an entry before it is committed. */
  readonly sealQuorum: (replicas: number) => number
  readonly writeQuorum: (replicas: number) => number
  /** R2, R6: the sets of which each must have such a quorum. Learners are in none of them. */
  readonly sealSets: (mandate: Mandate) => readonly (readonly NodeId[])[]
  readonly writeSets: (mandate: Mandate) => readonly (readonly NodeId[])[]
  readonly readSets: (mandate: Mandate) => readonly (readonly NodeId[])[]
  /** R3: which of two sealed logs a new leader builds on; above 0 when `a` is the better. */
  readonly compareLogs: (a: LogPosition, b: LogPosition) => number
  /** R4: whether an entry of this token may be counted as committed by a leader of that token. */
  readonly mayCount: (entry: Token, leader: Token) => boolean
  /** R5: replicas, the leader included, that must still hold the leader's token as their highest promise for a read. */
  readonly readQuorum: (replicas: number) => number
  /** R7: what is kept of the entries that a higher generation goes on without. */
  readonly quarantined: (lost: readonly Quarantined[]) => readonly Quarantined[]
  /** R8: what a frozen leader still answers. */
  readonly takesFrozenWrites: boolean
  readonly answersFrozenReads: boolean
}

const majority = (replicas: number): number => Math.floor(replicas / 2) + 1

export const RULES: Rules = {
  ratchet,
  sealQuorum: majority,
  writeQuorum: majority,
  sealSets: quorumSets,
  writeSets: quorumSets,
  readSets: quorumSets,
  compareLogs: (a, b) => compareTokens(a.token, b.token) || a.index - b.index,
  mayCount: tokensEqual,
  readQuorum: majority,
  quarantined: (lost) => lost,
  takesFrozenWrites: false,
  answersFrozenReads: false,
}
