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

/** The four runs of one operation, by the names of their slots, and whether distance is part of it. */
export interface OperationRuns {
  readonly operation: OperationName
  readonly direct: string
  readonly proxied: string
  readonly raw: string
  readonly ours: string
  readonly wide: boolean
}

const runs = (operation: OperationName, bare: string, ours: string, wide: boolean): OperationRuns => ({
  operation,
  direct: `${bare} direct`,
  proxied: `${bare} proxied`,
  raw: `${bare} raw`,
  ours,
  wide,
})

export const OPERATION_RUNS: readonly OperationRuns[] = [
  runs(OPERATIONS.globalCommit, 'put', 'assign', true),
  runs(OPERATIONS.linearizableRead, 'read', 'lookup', true),
  runs(OPERATIONS.localRead, 'local read', 'local lookup', false),
  runs(OPERATIONS.leaseRenewal, 'put', 'renewal', true),
  runs(OPERATIONS.flatChange, 'put', 'flat change', true),
  {
    operation: OPERATIONS.regionalChange,
    direct: 'regional put',
    proxied: 'regional put',
    raw: 'regional put',
    ours: 'regional change',
    wide: false,
  },
]

export const ONE_DOWN_RUNS: OperationRuns = runs(OPERATIONS.oneDown, 'put', 'assign', true)
