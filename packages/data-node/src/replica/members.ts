import type { NodeId } from '@meridian/topology'

/** Who decides under one token; the same for as long as the token stands. */
export interface Members {
  readonly replicas: readonly NodeId[]
  /** While the set changes: the one before. Every quorum is then one of each. */
  readonly prior: readonly NodeId[] | undefined
}

export function voters({ replicas, prior }: Members): readonly NodeId[] {
  return prior === undefined ? replicas : [...new Set([...replicas, ...prior])]
}

/** R2, R6: the sets of which each must have a quorum. Learners are in none. */
export function quorumSets({ members }: { readonly members: Members }): readonly (readonly NodeId[])[] {
  const { replicas, prior } = members
  return prior === undefined ? [replicas] : [replicas, prior]
}

/** True when enough of each set are among `nodes`. */
export function isQuorum(
  sets: readonly (readonly NodeId[])[],
  enough: (replicas: number) => number,
  nodes: { has(node: NodeId): boolean },
): boolean {
  return sets.every((set) => set.filter((node) => nodes.has(node)).length >= enough(set.length))
}
