import type { Store } from '@meridian/store'
import { encodeRegion, memberKey } from '@meridian/topology'
import type { RegionRecord } from '@meridian/topology'

/**
 * Makes the region known to the fleet, or brings its record up to date; does nothing when it is already so. Every
 * server of a region writes the same record, from the same configuration, so a repeated or lost race is harmless.
 */
export async function registerRegion(store: Store, record: RegionRecord, signal?: AbortSignal): Promise<void> {
  const key = memberKey(record.region)
  const value = encodeRegion(record)
  const present = await store.get(key, signal === undefined ? {} : { signal })
  if (present !== undefined && Buffer.compare(present.value, value) === 0) return
  await store.txn({ guards: [], operations: [{ kind: 'put', key, value }] }, signal)
}
