import { formatToken, tokensEqual } from '@meridian/topology'
import type { ErrorCode, Token } from '@meridian/topology'
import { LEASE_GUARD_MS } from './lease-clock.ts'
import type { LeaseClock, RegionLeases } from './lease-clock.ts'
import type { ShardRecord } from './shard-record.ts'

/**
 * What this node is to a shard.
 * - `none`: it holds no replica, or was told that it no longer does.
 * - `follower`: somebody else leads, or nobody.
 * - `sealing`: named leader, but no write quorum has been sealed and its barrier committed yet.
 * - `serving`: leader that may answer.
 */
export const SHARD_ROLES = ['none', 'follower', 'sealing', 'serving'] as const
export type ShardRole = (typeof SHARD_ROLES)[number]

/** One shard as it is at the moment of the check. */
export interface ShardView {
  readonly role: ShardRole
  /** The newest record this node holds; its token is the one that requests must carry. */
  readonly newest: ShardRecord
}

export type Admission = { readonly admitted: true } | { readonly admitted: false; readonly refusal: FenceRefusal }

export interface FenceRefusal {
  readonly code: ErrorCode
  readonly message: string
  /** Lets the sender go to the right place without asking the control plane. */
  readonly newest: ShardRecord | undefined
}

const ADMITTED: Admission = { admitted: true }

function refuse(code: ErrorCode, message: string, newest: ShardRecord | undefined): Admission {
  return { admitted: false, refusal: { code, message, newest } }
}

/**
 * Equality at the door (I16). A higher token is refused too: this node does not know what was decided under it, and
 * adopting it from a client would let anybody depose a leader.
 */
export function checkRequest(view: ShardView | undefined, requestToken: Token): Admission {
  if (view === undefined || view.role === 'none') {
    return refuse('SHARD_UNKNOWN', 'this node holds no replica of the shard', view?.newest)
  }
  if (!tokensEqual(requestToken, view.newest.token)) {
    return refuse(
      'TOKEN_MISMATCH',
      `request carries ${formatToken(requestToken)}, the shard is at ${formatToken(view.newest.token)}`,
      view.newest,
    )
  }
  return ADMITTED
}

function checkRole(view: ShardView): Admission {
  switch (view.role) {
    case 'serving':
      return ADMITTED
    case 'sealing':
      return refuse('NOT_SERVING', 'the leader is still sealing its write quorum', view.newest)
    case 'follower':
    case 'none':
      return refuse('NOT_LEADER', 'this node does not lead the shard', view.newest)
  }
}

export interface DoorLeases {
  readonly node: LeaseClock
  readonly region: RegionLeases
}

/**
 * The checks of a request in their order: shard known, token equal, role, not frozen, leases. All of it in the turn that acts on
 * the answer, with `nowMs` sampled in that turn: an await between check and action would make the check worthless.
 */
function admit(
  view: ShardView | undefined,
  requestToken: Token,
  leases: (record: ShardRecord) => Admission,
): Admission {
  const equal = checkRequest(view, requestToken)
  if (!equal.admitted || view === undefined) return equal
  const role = checkRole(view)
  if (!role.admitted) return role
  // Reads too: once the barrier is told, another region may acknowledge writes while the leases here still run.
  if (view.newest.freeze !== undefined)
    return refuse('RANGE_FROZEN', 'the range is on its way to another region', view.newest)
  return leases(view.newest)
}

/** The region's authority over the shard's range under the very generation of its token. */
export function checkRegionLease(record: ShardRecord, region: RegionLeases, nowMs: number, guardMs = 0): Admission {
  const pair = { rangeId: record.rangeId, generation: record.token.generation }
  if (region.check(pair, nowMs, guardMs)) return ADMITTED
  return refuse(
    'NO_REGION_LEASE',
    `the region's authority over range ${record.rangeId} has not been confirmed or has run out`,
    record,
  )
}

/**
 * A write whose quorum lies inside the owner region (mode L). The caller must sample the region lease once more right
 * before acknowledging, and answer "unknown" when it has run out by then (I10).
 */
export function admitWrite(
  view: ShardView | undefined,
  requestToken: Token,
  region: RegionLeases,
  nowMs: number,
): Admission {
  return admit(view, requestToken, (record) => checkRegionLease(record, region, nowMs))
}

/**
 * A read that will be confirmed by a quorum of replicas. No node lease is needed; the region's is, because in mode L
 * another region can take over without sealing a replica of this one. Sampled again when the read is answered.
 */
export function admitQuorumRead(
  view: ShardView | undefined,
  requestToken: Token,
  region: RegionLeases,
  nowMs: number,
): Admission {
  return admit(view, requestToken, (record) => checkRegionLease(record, region, nowMs))
}

/** A read from local state alone: it linearizes at this check (I9), so the value must be read in the same turn. */
export function admitLeaseRead(
  view: ShardView | undefined,
  requestToken: Token,
  leases: DoorLeases,
  nowMs: number,
): Admission {
  return admit(view, requestToken, (record) => {
    if (!leases.node.check(nowMs, LEASE_GUARD_MS)) {
      return refuse('NO_NODE_LEASE', 'the lease of this node has run out: ask for a quorum read', record)
    }
    return checkRegionLease(record, leases.region, nowMs, LEASE_GUARD_MS)
  })
}
