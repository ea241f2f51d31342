import type { IMemberListResponse } from 'etcd3'
import { MeridianError } from '@meridian/topology'
import type { StoreMember, StoreStatus } from '../store.ts'
import type { CallContext } from './calls.ts'
import { read } from './calls.ts'
import type { EtcdEndpoint } from './endpoint.ts'
import { asWriteError, verdictOf } from './errors.ts'
import { memberName, memberStatus } from './status.ts'

/** How long one member is waited for, ms: far more than any round trip, and no reason to wait for a dead one. */
const MEMBER_MS_MAX = 1500

/** A member that answered, and where. */
interface Answer {
  readonly endpoint: EtcdEndpoint
  readonly status: StoreStatus
}

export async function clusterMembers(context: CallContext, signal?: AbortSignal): Promise<readonly StoreMember[]> {
  const [members, answers] = await Promise.all([listed(context, signal), answering(context, signal)])
  return members.map((member) => ({
    ...member,
    status: answers.find(({ status }) => status.memberId === member.memberId)?.status,
  }))
}

export async function moveLeader(context: CallContext, memberId: string, signal?: AbortSignal): Promise<void> {
  const [members, answers] = await Promise.all([listed(context, signal), answering(context, signal)])
  const target = members.find((member) => member.memberId === memberId)
  if (target === undefined || target.learner) {
    throw new MeridianError('INVALID_ARGUMENT', `${JSON.stringify(memberId)} is no voter of this cluster.`)
  }
  const [leader] = answers
    .filter(({ status }) => status.leader === status.memberId)
    .toSorted((a, b) => Number(b.status.raftTerm - a.status.raftTerm))
  if (leader === undefined) {
    throw new MeridianError('UNAVAILABLE', `Of ${members.length} members none that leads answers; nothing was asked.`)
  }
  if (leader.status.memberId === memberId) return
  try {
    await leader.endpoint.unary(
      'Maintenance',
      'moveLeader',
      { targetID: BigInt(`0x${memberId}`).toString() },
      { timeoutMs: context.requestTimeoutMs, signal: ended(context, signal), requireLeader: false },
    )
  } catch (error) {
    // Refused by a server that no longer leads: the leadership went elsewhere by itself.
    if (verdictOf(error) === 'refused') {
      throw new MeridianError('UNAVAILABLE', `The leader refused to hand over to ${target.name}.`, { cause: error })
    }
    throw asWriteError(error, 'a move of the leadership')
  }
}

async function listed(context: CallContext, signal?: AbortSignal) {
  const { members } = await read(
    context,
    'the list of members',
    'Cluster',
    (endpoint, bounds) =>
      endpoint.unary<IMemberListResponse>('Cluster', 'memberList', {}, { ...bounds, requireLeader: false }),
    signal,
  )
  return members.map(({ ID, name, isLearner }) => ({ memberId: memberName(ID), name, learner: isLearner }))
}

/** Says nothing about endpoints to avoid: a member that is asked about its health is not one that a call needs. */
async function answering(context: CallContext, signal?: AbortSignal): Promise<readonly Answer[]> {
  const bounds = { timeoutMs: MEMBER_MS_MAX, signal: ended(context, signal) }
  const asked = context.endpoints.order().map(async (endpoint): Promise<Answer[]> => {
    try {
      await endpoint.connect('Maintenance', MEMBER_MS_MAX, bounds.signal)
      return [{ endpoint, status: await memberStatus(endpoint, bounds) }]
    } catch (error) {
      signal?.throwIfAborted()
      context.log.debug({ err: error, endpoint: endpoint.url }, 'member gave no status')
      return []
    }
  })
  return (await Promise.all(asked)).flat()
}

const ended = (context: CallContext, signal: AbortSignal | undefined): AbortSignal =>
  signal === undefined ? context.closed : AbortSignal.any([signal, context.closed])
