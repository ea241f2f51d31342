import { isMeridianError, MeridianError } from '@meridian/topology'
import { z } from 'zod'

import { etcdCall } from './etcd-http.ts'

export interface EtcdMember {
  /** How the caller names it. */
  readonly name: string
  /** `http://host:port` */
  readonly clientUrl: string
}

/** What a member answered about itself and whom it follows. */
export interface EtcdMemberStatus extends EtcdMember {
  readonly memberId: string
  readonly leaderId: string
}

const STATUS_MS_MAX = 2_000

const statusSchema = z.object({
  header: z.object({ member_id: z.string() }),
  // Absent when it is nobody: the gateway leaves zeros out.
  leader: z.string().default('0'),
})

/** Of those members that answer. */
export async function etcdStatuses(members: readonly EtcdMember[]): Promise<EtcdMemberStatus[]> {
  const asked = members.map(async (member): Promise<EtcdMemberStatus[]> => {
    try {
      const answer = await etcdCall(member.clientUrl, 'maintenance/status', {}, STATUS_MS_MAX)
      const { header, leader } = statusSchema.parse(answer)
      return [{ ...member, memberId: header.member_id, leaderId: leader }]
    } catch (error) {
      // A dead or paused member has no say; whether enough others have is counted.
      if (isMeridianError(error, 'UNAVAILABLE')) return []
      throw error
    }
  })
  return (await Promise.all(asked)).flat()
}

/**
 * The member that leads: it says so itself and a majority of all members follow it.
 *
 * @throws MeridianError UNAVAILABLE when there is none, with what each says.
 */
export function leaderAmong(found: readonly EtcdMemberStatus[], memberCount: number): EtcdMemberStatus {
  const leader = found.find((member) => {
    const followers = found.filter((each) => each.leaderId === member.memberId).length
    return member.leaderId === member.memberId && followers > memberCount / 2
  })
  if (leader !== undefined) return leader
  const name = (id: string) => found.find((member) => member.memberId === id)?.name ?? (id === '0' ? 'nobody' : id)
  const views = found.map((member) => `${member.name} follows ${name(member.leaderId)}`)
  throw new MeridianError(
    'UNAVAILABLE',
    `no leader: ${found.length} of ${memberCount} members answer; ${views.join(', ')}`,
  )
}
