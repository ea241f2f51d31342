import type { NodeId } from '@meridian/topology'

/**
 * Why many nodes at once are not given up (safety 4.9): that they all fell silent within one W_N is more often a
 * partition, or this server, than their death, and giving them up would only add to it.
 */
export interface Brake {
  /** Since when it is on, and when the next node may be given up; undefined: it is off. */
  readonly on: { readonly sinceMs: number; readonly nextMs: number } | undefined
  /** When nodes were given up, lately. */
  readonly fallenMs: readonly number[]
}

export const BRAKE_OFF: Brake = { on: undefined, fallenMs: [] }

export interface BrakeSight {
  readonly nowMs: number
  /** Silent for W_N, longest silence first. */
  readonly silent: readonly NodeId[]
  /** Nodes that are not given up. */
  readonly up: number
  readonly waitMs: number
  /** Under the brake: one node per this time, ms. */
  readonly slowStartEveryMs: number
}

/**
 * The brake after a look, and the nodes that may be given up now. It comes on when the nodes that are silent or were
 * given up within W_N are at least three and more than a tenth, or at least two and more than half, of those there were;
 * and goes off when they are no longer.
 */
export function braked(before: Brake, sight: BrakeSight): readonly [Brake, readonly NodeId[]] {
  const { nowMs, silent, up, waitMs, slowStartEveryMs } = sight
  const fallenMs = before.fallenMs.filter((atMs) => nowMs - atMs < waitMs)
  if (silent.length === 0) return [{ on: undefined, fallenMs }, []]
  if (!isExcessive(silent.length + fallenMs.length, up + fallenMs.length)) {
    return [{ on: undefined, fallenMs: [...fallenMs, ...silent.map(() => nowMs)] }, silent]
  }
  const on = before.on ?? { sinceMs: nowMs, nextMs: nowMs + slowStartEveryMs }
  if (nowMs < on.nextMs) return [{ on, fallenMs }, []]
  return [{ on: { ...on, nextMs: nowMs + slowStartEveryMs }, fallenMs: [...fallenMs, nowMs] }, silent.slice(0, 1)]
}

/** The loss of one node is an ordinary day, however few there are. */
export function isExcessive(lost: number, of: number): boolean {
  return (lost >= 3 && lost * 10 > of) || (lost >= 2 && lost * 2 > of)
}
