import type { Store } from '@meridian/store'
import { MeridianError, regionId } from '@meridian/topology'
import type { RegionId, Revision } from '@meridian/topology'

const PREFERENCE_KEY = '/leader/preference'
const ATTEMPTS_MAX = 8
const NONE = 0n as Revision

/** Region in which an operator wants the leader of G, as the nearest member knows it; undefined for none. */
export async function readLeaderPreference(store: Store, signal: AbortSignal): Promise<RegionId | undefined> {
  const record = await store.get(PREFERENCE_KEY, { consistency: 'local', signal })
  return record === undefined ? undefined : regionId(Buffer.from(record.value).toString())
}

/**
 * States, or with undefined withdraws, the preference. Stating again what stands is no write.
 *
 * @throws MeridianError UNAVAILABLE, OUTCOME_UNKNOWN (calling again is safe), RANGE_BUSY when others keep changing it
 */
export async function writeLeaderPreference(
  store: Store,
  region: RegionId | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    const present = await store.get(PREFERENCE_KEY, { signal })
    const preferred = present === undefined ? undefined : Buffer.from(present.value).toString()
    if (preferred === region) return
    const outcome = await store.txn(
      {
        guards: [{ kind: 'mod-revision', key: PREFERENCE_KEY, equals: present?.modRevision ?? NONE }],
        operations: [
          region === undefined
            ? { kind: 'delete', key: PREFERENCE_KEY }
            : { kind: 'put', key: PREFERENCE_KEY, value: Buffer.from(region) },
        ],
      },
      signal,
    )
    if (outcome.committed) return
  }
  throw new MeridianError('RANGE_BUSY', `others changed the preference ${ATTEMPTS_MAX} times in a row; try again`)
}
