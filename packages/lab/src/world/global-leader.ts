import { setTimeout as delay } from 'node:timers/promises'

import { isMeridianError, MeridianError } from '@meridian/topology'

import { etcdCall } from './etcd-http.ts'
import { etcdStatuses, leaderAmong } from './etcd-leader.ts'
import type { EtcdMember } from './etcd-leader.ts'
import type { WorldRegion } from './world.ts'

/** What is needed of a world to ask its global tier; asked from outside of the WAN, so cuts do not stop an answer. */
export interface GlobalTier {
  readonly regions: readonly Pick<WorldRegion, 'id' | 'globalEtcd'>[]
}

const MOVE_CALL_MS_MAX = 10_000
const MOVE_MS_MAX = 30_000
const POLL_MS = 50

/**
 * The region whose voter leads G: it says so itself and a majority of all voters follow it.
 *
 * NOT promised: that it still leads when the answer is read.
 *
 * @throws MeridianError UNAVAILABLE when there is none, with what each voter says.
 */
export async function globalLeader(world: GlobalTier): Promise<string> {
  return leaderAmong(await etcdStatuses(voters(world)), voters(world).length).name
}

/**
 * Moves G's leadership into `region` and returns how long that took, ms, from the call until a majority followed.
 *
 * @throws MeridianError REGION_UNKNOWN for a region without a voter, UNAVAILABLE when it did not work in 30 s.
 */
export async function moveGlobalLeader(
  world: GlobalTier,
  region: string,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<number> {
  const { timeoutMs = MOVE_MS_MAX, signal } = options
  if (!voters(world).some((voter) => voter.name === region))
    throw new MeridianError('REGION_UNKNOWN', `no voter of the global tier in ${JSON.stringify(region)}`)
  const begunMs = performance.now()
  for (;;) {
    let failure: MeridianError
    try {
      const found = await etcdStatuses(voters(world))
      const leader = leaderAmong(found, voters(world).length)
      if (leader.name === region) return performance.now() - begunMs
      const target = found.find((voter) => voter.name === region)
      if (target === undefined) throw new MeridianError('UNAVAILABLE', `the voter of ${region} does not answer`)
      // etcd answers when the transfer has happened or was given up: a target behind by a round trip is often given up.
      const { memberId } = target
      await etcdCall(leader.clientUrl, 'maintenance/transfer-leadership', { targetID: memberId }, MOVE_CALL_MS_MAX)
      failure = new MeridianError('UNAVAILABLE', `${leader.name} handed over, no majority follows ${region} yet`)
    } catch (error) {
      if (!isMeridianError(error, 'UNAVAILABLE')) throw error
      failure = error
    }
    if (performance.now() - begunMs > timeoutMs) {
      throw new MeridianError(
        'UNAVAILABLE',
        `the global leader was not in ${region} after ${timeoutMs} ms: ${failure.message}`,
        { cause: failure },
      )
    }
    if (signal?.aborted === true) throw new MeridianError('INTERRUPTED', 'moving the global leader was interrupted')
    await delay(POLL_MS)
  }
}

function voters({ regions }: GlobalTier): EtcdMember[] {
  return regions.flatMap(({ id, globalEtcd }) =>
    globalEtcd === undefined ? [] : [{ name: id, clientUrl: globalEtcd.clientUrl }],
  )
}
