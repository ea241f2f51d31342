import type { ILeaseGrantResponse, ILeaseKeepAliveResponse } from 'etcd3'
import type { LeaseId, StoreLease } from '../store.ts'
import type { CallContext } from './calls.ts'
import { write } from './calls.ts'
import type { EtcdEndpoint } from './endpoint.ts'
import { isNotFound } from './errors.ts'

/** etcd counts whole seconds and grants no less than 1.5 election time-outs; the answer says what it granted. */
export async function grantLease(context: CallContext, ttlMs: number, signal?: AbortSignal): Promise<StoreLease> {
  const seconds = Math.max(1, Math.ceil(ttlMs / 1000))
  const response = await write(
    context,
    'the grant of a lease',
    'Lease',
    (endpoint, bounds) =>
      endpoint.unary<ILeaseGrantResponse>('Lease', 'leaseGrant', { TTL: seconds }, { ...bounds, requireLeader: true }),
    signal,
  )
  // The one constructor of lease ids: whatever the server calls it.
  return { id: response.ID as LeaseId, ttlMs: Number(response.TTL) * 1000 }
}

export function renewLease(context: CallContext, id: LeaseId, signal?: AbortSignal): Promise<number | undefined> {
  return write(
    context,
    'the renewal of a lease',
    'Lease',
    async (endpoint, bounds) => {
      const { TTL } = await keepAliveOnce(endpoint, id, bounds.timeoutMs, bounds.signal)
      const leftMs = Number(TTL) * 1000
      return leftMs > 0 ? leftMs : undefined
    },
    signal,
  )
}

export async function revokeLease(context: CallContext, id: LeaseId, signal?: AbortSignal): Promise<void> {
  await write(
    context,
    'the end of a lease',
    'Lease',
    async (endpoint, bounds) => {
      try {
        await endpoint.unary('Lease', 'leaseRevoke', { ID: id }, { ...bounds, requireLeader: true })
      } catch (error) {
        // Ended by itself, which is what was wanted.
        if (!isNotFound(error)) throw error
      }
    },
    signal,
  )
}

/** etcd renews by stream only. One stream per renewal has a deadline of its own, and an answer that is surely its own. */
async function keepAliveOnce(
  endpoint: EtcdEndpoint,
  id: LeaseId,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ILeaseKeepAliveResponse> {
  const stream = endpoint.stream<{ ID: string }, ILeaseKeepAliveResponse>('Lease', 'leaseKeepAlive', {
    timeoutMs,
  })
  const onAbort = (): void => stream.cancel()
  try {
    return await new Promise((resolve, reject) => {
      stream.on('error', reject)
      stream.on('data', resolve)
      stream.on('end', () => reject(new Error('the stream of renewals ended without an answer')))
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
      stream.write({ ID: id })
    })
  } finally {
    signal.removeEventListener('abort', onAbort)
    // The error that cancelling makes has its listener still.
    stream.cancel()
  }
}
