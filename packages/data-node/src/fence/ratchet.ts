import { compareTokens } from '@meridian/topology'
import type { Token } from '@meridian/topology'

/** What a replica does with a token offered to it: `refused` below its promise, `kept` at it, `raised` above it. */
export type Ratchet = 'refused' | 'kept' | 'raised'

/**
 * The rule at replicas (I13): refuse lower, adopt higher. Unlike the door, which wants equality, because a replica
 * may hear of a new leader from that leader before it hears of it from its region.
 *
 * The caller must make a raised promise durable before anybody learns of it.
 */
export function ratchet(promised: Token, offered: Token): Ratchet {
  const order = compareTokens(offered, promised)
  if (order < 0) return 'refused'
  return order === 0 ? 'kept' : 'raised'
}
