import type { Clock } from '@meridian/loop'
import { fromWireToken } from '@meridian/protocol'
import { isMeridianError, MeridianError, ZERO_TOKEN } from '@meridian/topology'
import type { ErrorCode, Token } from '@meridian/topology'
import { admitLeaseRead, admitQuorumRead, checkRegionLease } from '../fence/admit.ts'
import type { Admission, DoorLeases, FenceRefusal } from '../fence/admit.ts'
import type { ShardRecord } from '../fence/shard-record.ts'
import type { ConfirmedIndex } from '../replica/freshness.ts'
import type { ShardState } from '../replica/shard-state.ts'
import type { ShardHost } from './shard-host.ts'

export interface DoorOptions {
  /** Undefined: this node holds no such shard. Throws UNAVAILABLE while the node may not answer at all. */
  readonly shard: (shardId: string) => ShardHost | undefined
  readonly leases: DoorLeases
  readonly clock: Clock
  /** Drops every lease if the clocks have come to disagree. */
  readonly lookAtClocks: () => void
}

/** A refusal on its way out of a handler: said in the response, with the record that leads to the right place. */
export class Refused {
  readonly refusal: FenceRefusal
  constructor(refusal: FenceRefusal) {
    this.refusal = refusal
  }
}

/** Codes that a shard's core refuses with: surely without effect, and said in the response. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'NOT_LEADER',
  'NOT_SERVING',
  'OVERLOADED',
  'UNAVAILABLE',
  'NO_REGION_LEASE',
  'RANGE_FROZEN',
  'TOO_STALE',
])

/** Where and how a request wants to read. */
export interface ReadHow {
  readonly shardId: string
  readonly token: Parameters<typeof fromWireToken>[0]
  readonly mode: string
  readonly maxStalenessMs: bigint
}

export interface Evaluated<T> {
  readonly result: T
  /** Whose log it was read from. */
  readonly token: Token
  /** 0 for a read that linearizes. */
  readonly stalenessMs: number
}

/** Runs `look` on the state at the moment the read linearizes. @throws Refused */
export async function evaluate<T>(
  options: DoorOptions,
  request: ReadHow,
  look: (state: ShardState, record: ShardRecord) => T,
): Promise<Evaluated<T>> {
  const host = options.shard(request.shardId)
  const token: Token = fromWireToken(request.token)
  const mode = request.mode === '' ? 'quorum' : request.mode
  if (mode !== 'quorum' && mode !== 'lease' && mode !== 'stale') {
    throw new MeridianError('INVALID_ARGUMENT', 'a read is "quorum", "lease" or "stale"')
  }
  if (mode === 'stale') return await evaluateStale(host, Number(request.maxStalenessMs), look)
  if (mode === 'lease') {
    // In the very turn in which the lease is relied on: between two samples a jump would go unseen.
    options.lookAtClocks()
    const admission = admitLeaseRead(host?.view, token, options.leases, options.clock.nowMs())
    if (!admission.admitted || host === undefined) throw new Refused(refusalOf(admission))
    const record = recordOf(host)
    // The same turn as the check: nothing may come between.
    return { result: look(host.shard, record), token: record.token, stalenessMs: 0 }
  }
  const admission = admitQuorumRead(host?.view, token, options.leases.region, options.clock.nowMs())
  if (!admission.admitted || host === undefined) throw new Refused(refusalOf(admission))
  const record = recordOf(host)
  try {
    const result = await host.quorumRead((state) => {
      const lease = checkRegionLease(record, options.leases.region, options.clock.nowMs())
      if (!lease.admitted) throw new Refused(lease.refusal)
      return look(state, record)
    })
    return { result, token: record.token, stalenessMs: 0 }
  } catch (error) {
    const refused = asRefusal(error, host)
    throw refused === undefined ? error : new Refused(refused)
  }
}

/**
 * From whatever replica this is, as old as the asker can bear. No token is compared: it says who may order writes now, and
 * this answer is about the past.
 */
async function evaluateStale<T>(
  host: ShardHost | undefined,
  maxMs: number,
  look: (state: ShardState, record: ShardRecord) => T,
): Promise<Evaluated<T>> {
  if (!(maxMs > 0)) throw new MeridianError('INVALID_ARGUMENT', 'a stale read says how old the answer may be')
  const { view } = host ?? {}
  if (host === undefined || view === undefined || view.role === 'none') throw new Refused(refusalOf(undefined))
  try {
    const { value, stalenessMs, token } = await host.staleRead(maxMs, (state) => look(state, recordOf(host)))
    return { result: value, token, stalenessMs }
  } catch (error) {
    const refused = asRefusal(error, host)
    throw refused === undefined ? error : new Refused(refused)
  }
}

export function recordOf(host: ShardHost): ShardRecord {
  if (host.newest === undefined) throw new Error('admitted without a record')
  return host.newest
}

export function refusal(code: ErrorCode, message: string, newest: ShardRecord | undefined): FenceRefusal {
  return { code, message, newest }
}

export function refusalOf(admission: Admission | undefined): FenceRefusal {
  return admission === undefined || admission.admitted
    ? refusal('SHARD_UNKNOWN', 'this node holds no replica of the shard', undefined)
    : admission.refusal
}

export function asRefusal(error: unknown, host: ShardHost): FenceRefusal | undefined {
  if (!isMeridianError(error) || !REFUSALS.has(error.code)) return undefined
  return refusal(error.code, error.message, host.newest)
}

/**
 * What the leader has committed, with the region's authority looked at before and after the round, as for a quorum read:
 * replicas elsewhere measure by it how old they are.
 *
 * @throws MeridianError the code of the refusal
 */
export async function confirmedIndex(
  options: Pick<DoorOptions, 'leases' | 'clock'>,
  host: ShardHost,
): Promise<ConfirmedIndex> {
  const { leases, clock } = options
  const { view } = host
  const admission = admitQuorumRead(view, view?.newest.token ?? ZERO_TOKEN, leases.region, clock.nowMs())
  if (!admission.admitted) throw refusedWith(admission.refusal)
  const record = recordOf(host)
  const confirmed = await host.confirmedIndex()
  const lease = checkRegionLease(record, leases.region, clock.nowMs())
  if (!lease.admitted) throw refusedWith(lease.refusal)
  return confirmed
}

function refusedWith({ code, message }: FenceRefusal): MeridianError {
  return new MeridianError(code, message)
}
