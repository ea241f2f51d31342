/**
 * What is measured, by the name it has in results. All but one ask the global tier:
 *
 * - `global-commit`: assign a vacant range, through our API; beside it a bare put at the client's own voter;
 * - `linearizable-read`, `local-read`: look a range up, through our API; beside it the same kind of etcd read;
 * - `lease-renewal`: the very transaction of a region's renewal. The product renews on its own time and has no call for it;
 * - `flat-leader-change`: what a change of leader writes, one guarded page, written in the stretched etcd: the design
 *   without regional tiers;
 * - `regional-leader-change`: the same transaction at the region's own etcd, which no link is part of, so `direct` and
 *   `proxied` are the bare put there too.
 *
 * A hand-over as clients order it is two such commits and what lies between; here it is the price of one.
 */
export const OPERATIONS = {
  globalCommit: 'global-commit',
  linearizableRead: 'linearizable-read',
  localRead: 'local-read',
  leaseRenewal: 'lease-renewal',
  flatChange: 'flat-leader-change',
  regionalChange: 'regional-leader-change',
  /** A global commit while the nearest other voter of the leader is dead. */
  oneDown: 'global-commit-one-down',
} as const

export type OperationName = (typeof OPERATIONS)[keyof typeof OPERATIONS]

/** What the least of an operation is made of. */
export const FLOORS = {
  wide: 'round trip to the leader + from it to its majority, as calibrated',
  regional: "a confirmed read of the region's etcd + one fsync, medians of this run",
  near: 'none: answered by the nearest server, without distance or disk',
} as const

export type FloorKind = keyof typeof FLOORS

/** The four runs of one operation, by the names of their slots, and what its floor is made of. */
export interface OperationRuns {
  readonly operation: OperationName
  readonly direct: string
  readonly proxied: string
  readonly raw: string
  readonly ours: string
  readonly floor: FloorKind
}

/** The read whose median is in the floor of a regional commit. */
export const REGIONAL_READ = 'regional read'

const runs = (operation: OperationName, bare: string, ours: string, floor: FloorKind): OperationRuns => ({
  operation,
  direct: `${bare} direct`,
  proxied: `${bare} proxied`,
  raw: `${bare} raw`,
  ours,
  floor,
})

export const OPERATION_RUNS: readonly OperationRuns[] = [
  runs(OPERATIONS.globalCommit, 'put', 'assign', 'wide'),
  runs(OPERATIONS.linearizableRead, 'read', 'lookup', 'wide'),
  runs(OPERATIONS.localRead, 'local read', 'local lookup', 'near'),
  runs(OPERATIONS.leaseRenewal, 'put', 'renewal', 'wide'),
  runs(OPERATIONS.flatChange, 'put', 'flat change', 'wide'),
  {
    operation: OPERATIONS.regionalChange,
    direct: 'regional put',
    proxied: 'regional put',
    raw: 'regional put',
    ours: 'regional change',
    floor: 'regional',
  },
]

export const ONE_DOWN_RUNS: OperationRuns = runs(OPERATIONS.oneDown, 'put', 'assign', 'wide')
