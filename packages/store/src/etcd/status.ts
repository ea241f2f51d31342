import type { IStatusResponse } from 'etcd3'
import type { StoreStatus } from '../store.ts'
import type { CallContext } from './calls.ts'
import { read } from './calls.ts'
import type { EtcdEndpoint } from './endpoint.ts'
import { revisionOf } from './records.ts'

/** Of the nearest server that answers, from what it knows itself. */
export function storeStatus(context: CallContext, signal?: AbortSignal): Promise<StoreStatus> {
  return read(context, 'status', 'Maintenance', memberStatus, signal)
}

export async function memberStatus(
  endpoint: EtcdEndpoint,
  bounds: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<StoreStatus> {
  const response = await endpoint.unary<IStatusResponse>(
    'Maintenance',
    'status',
    {},
    { ...bounds, requireLeader: false },
  )
  return {
    leader: response.leader === '0' ? undefined : memberName(response.leader),
    memberId: memberName(response.header.member_id),
    raftTerm: BigInt(response.raftTerm),
    raftIndex: BigInt(response.raftIndex),
    revision: revisionOf(response.header.revision),
    version: response.version,
    endpoint: endpoint.url,
  }
}

/** In hex, as etcdctl prints and takes it. */
export function memberName(id: string): string {
  return BigInt(id).toString(16)
}
