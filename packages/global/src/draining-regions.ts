import type { Store } from '@meridian/store'
import { DRAIN_PREFIX } from '@meridian/topology'

/** Regions that are being emptied, as the nearest member of G knows it. What an operation notes of it is not looked at. */
export async function readDrainingRegions(store: Store, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const { records } = await store.list(DRAIN_PREFIX, { consistency: 'local', signal })
  return new Set(records.map(({ key }) => key.slice(DRAIN_PREFIX.length)))
}
