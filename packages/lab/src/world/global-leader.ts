import { setTimeout as delay } from 'node:timers/promises'

import { isMeridianError, MeridianError } from '@meridian/topology'
import { z } from 'zod'

import { etcdCall } from './etcd-http.ts'
import type { WorldRegion } from './world.ts'

/** What is needed of a world to ask its global tier; asked from outside of the WAN, so cuts do not stop an answer. */
export interface GlobalTier {
  readonly regions: readonly Pick<WorldRegion, 'id' | 'globalEtcd'>[]
}

const STATUS_MS_MAX = 2_000
const MOVE_CALL_MS_MAX = 10_000
const MOVE_MS_MAX = 30_000
const POLL_MS = 50

const statusSchema = z.object({
  header: z.object({ member_id: z.string() }),
  // Absent when it is nobody: the gateway leaves zeros out.
  leader: z.string().default('0'),
})

interface VoterStatus {
  readonly region: string
  readonly clientUrl: string
  readonly memberId: string
  readonly leaderId: string
}

/**
 * The region whose voter leads G: it says so itself and a majority of all voters follow it.
 *
 * NOT promised: that it still leads when the answer is read.
 *
 * @throws MeridianError UNAVAILABLE when there is none, with what each voter says.
 */
export async function globalLeader(world: GlobalTier): Promise<string> {
  return leaderAmong(await statuses(world), voters(world).length).region
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
  if (!voters(world).some((voter) => voter.id === region))
    throw new MeridianError('REGION_UNKNOWN', `no voter of the global tier in ${JSON.stringify(region)}`)
  const begunMs = performance.now()
  for (;;) {
    let failure: MeridianError
    try {
      const found = await statuses(world)
      const leader = leaderAmong(found, voters(world).length)
      if (leader.region === region) return performance.now() - begunMs
      const target = found.find((voter) => voter.region === region)
      if (target === undefined) throw new MeridianError('UNAVAILABLE', `the voter of ${region} does not answer`)
      // etcd answers when the transfer has happened or was given up: a target behind by a round trip is often given up.
      const { memberId } = target
      await etcdCall(leader.clientUrl, 'maintenance/transfer-leadership', { targetID: memberId }, MOVE_CALL_MS_MAX)
      failure = new MeridianError('UNAVAILABLE', `${leader.region} handed over, no majority follows ${region} yet`)
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

interface Voter {
  readonly id: string
  readonly clientUrl: string
}

function voters({ regions }: GlobalTier): Voter[] {
  return regions.flatMap(({ id, globalEtcd }) =>
    globalEtcd === undefined ? [] : [{ id, clientUrl: globalEtcd.clientUrl }],
  )
}

async function statuses(world: GlobalTier): Promise<VoterStatus[]> {
  const asked = voters(world).map(async ({ id, clientUrl }): Promise<VoterStatus[]> => {
    try {
      const { header, leader } = statusSchema.parse(await etcdCall(clientUrl, 'maintenance/status', {}, STATUS_MS_MAX))
      return [{ region: id, clientUrl, memberId: header.member_id, leaderId: leader }]
    } catch (error) {
      // A dead or paused voter has no say; whether enough others have is counted.
      if (isMeridianError(error, 'UNAVAILABLE')) return []
      throw error
    }
  })
  return (await Promise.all(asked)).flat()
}

function leaderAmong(found: readonly VoterStatus[], voterCount: number): VoterStatus {
  const leader = found.find((voter) => {
    const followers = found.filter((each) => each.leaderId === voter.memberId).length
    return voter.leaderId === voter.memberId && followers > voterCount / 2
  })
  if (leader !== undefined) return leader
  const name = (id: string) => found.find((voter) => voter.memberId === id)?.region ?? (id === '0' ? 'nobody' : id)
  const views = found.map((voter) => `${voter.region} follows ${name(voter.leaderId)}`)
  throw new MeridianError(
    'UNAVAILABLE',
    `the global tier has no leader: ${found.length} of ${voterCount} voters answer; ${views.join(', ')}`,
  )
}
