import { formatTimestamp, ZERO_TIMESTAMP } from '@meridian/hlc'
import type { Store } from '@meridian/store'
import { INCARNATION_KEY, incarnation, NEXT_RANGE_ID_KEY, STAMP_KEY } from '@meridian/topology'
import type { Incarnation, Revision } from '@meridian/topology'

const NONE = 0n as Revision

/**
 * Writes the three records that every mutation compares, when they are not there: one guarded transaction, so any
 * number of servers may do it at once and a cluster is never bootstrapped twice.
 *
 * @returns the incarnation of the cluster
 */
export async function bootstrapGlobal(store: Store, signal?: AbortSignal): Promise<Incarnation> {
  const text = (value: string) => Buffer.from(value)
  await store.txn(
    {
      guards: [INCARNATION_KEY, STAMP_KEY, NEXT_RANGE_ID_KEY].map((key) => ({
        kind: 'create-revision',
        key,
        equals: NONE,
      })),
      operations: [
        { kind: 'put', key: INCARNATION_KEY, value: text('1') },
        { kind: 'put', key: STAMP_KEY, value: text(formatTimestamp(ZERO_TIMESTAMP)) },
        { kind: 'put', key: NEXT_RANGE_ID_KEY, value: text('1') },
      ],
    },
    signal,
  )
  const record = await store.get(INCARNATION_KEY, signal === undefined ? {} : { signal })
  if (record === undefined) throw new Error('the global tier has no incarnation after its bootstrap')
  return incarnation(BigInt(Buffer.from(record.value).toString()))
}
