import { formatTimestamp, ZERO_TIMESTAMP } from '@meridian/hlc'
import type { Store } from '@meridian/store'
import { INCARNATION_KEY, incarnation, STAMP_KEY } from '@meridian/topology'
import type { Incarnation, Revision } from '@meridian/topology'

const ABSENT = 0n as Revision

/**
 * Writes the records every other transaction of E compares, if they are not there: in one guarded transaction, so that
 * any number of servers may do it at once.
 *
 * @returns the incarnation of the cluster
 */
export async function bootstrapRegion(store: Store, signal?: AbortSignal): Promise<Incarnation> {
  await store.txn(
    {
      guards: [INCARNATION_KEY, STAMP_KEY].map((key) => ({ kind: 'create-revision', key, equals: ABSENT })),
      operations: [
        { kind: 'put', key: INCARNATION_KEY, value: Buffer.from('1') },
        { kind: 'put', key: STAMP_KEY, value: Buffer.from(formatTimestamp(ZERO_TIMESTAMP)) },
      ],
    },
    signal,
  )
  const record = await store.get(INCARNATION_KEY, signal === undefined ? {} : { signal })
  if (record === undefined) throw new Error('the regional tier has no incarnation after its bootstrap')
  return incarnation(BigInt(Buffer.from(record.value).toString()))
}
