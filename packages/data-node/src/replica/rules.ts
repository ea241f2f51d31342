import { compareTokens, tokensEqual } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import { ratchet } from '../fence/ratchet.ts'
import type { Ratchet } from '../fence/ratchet.ts'
import type { LogPosition } from './log-entry.ts'

/**
 * The rules that the safety argument of SPEC.md rests on, apart from the machinery around them, so that the simulation
 * can break each one and show that its checker notices. Nothing but `RULES` is ever used outside tests.
 */
export interface Rules {
  /** R1: a replica's answer to a token. */
  ratchet(promised: Token, offered: Token): Ratchet
  /** R2: replicas that must seal before a leader serves, and that must hold an entry before it is committed. */
  sealQuorum(replicas: number): number
  writeQuorum(replicas: number): number
  /** R3: which of two sealed logs a new leader builds on; above 0 when `a` is the better. */
  compareLogs(a: LogPosition, b: LogPosition): number
  /** R4: whether an entry of this token may be counted as committed by a leader of that token. */
  mayCount(entry: Token, leader: Token): boolean
  /** R5: replicas, the leader included, that must still hold the leader's token as their highest promise for a read. */
  readQuorum(replicas: number): number
}

const majority = (replicas: number): number => Math.floor(replicas / 2) + 1

export const RULES: Rules = {
  ratchet,
  sealQuorum: majority,
  writeQuorum: majority,
  compareLogs: (a, b) => compareTokens(a.token, b.token) || a.index - b.index,
  mayCount: tokensEqual,
  readQuorum: majority,
}
