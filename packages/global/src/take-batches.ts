import { createHash } from 'node:crypto'
import type { Logger } from '@meridian/loop'
import type { Leadership, Operation } from '@meridian/store'
import { isMeridianError, MeridianError, operationId, regionLeaseKey } from '@meridian/topology'
import type { OperationId, RegionId, Revision } from '@meridian/topology'
import type { OwnershipService, RevisionGuard } from './ownership-service.ts'
import type { Batch } from './takeover-plan.ts'

/**
 * Batches on their way to G at once. Each compares and becomes `/stamp`, so one that overtakes another refuses it, and
 * that one is sent again: more lanes than this are refused more often than they gain.
 */
const LANES = 4

export interface TakeOrder {
  readonly region: RegionId
  readonly term: bigint
  /** Of the region's lease, as its loss of authority left it. */
  readonly modRevision: Revision
  readonly batches: readonly Batch[]
}

export interface TakeMeans {
  readonly ownership: OwnershipService
  readonly leadership: Leadership
  /** What the journal is to say after so many ranges, with so many to go. */
  readonly journal: (done: number, left: number) => Operation
  readonly log: Logger
  readonly signal: AbortSignal
}

/**
 * Moves the ranges, batch by batch, each in one transaction that compares the election, the region's lease and every
 * range. Ends early when the election or the lease is no longer what it was; a batch whose ranges changed meanwhile is
 * left to the next look.
 */
export async function takeBatches(
  { region, term, modRevision, batches }: TakeOrder,
  { ownership, leadership, journal, log, signal }: TakeMeans,
): Promise<{ readonly revision: Revision | undefined; readonly moved: number }> {
  const lease: RevisionGuard = { kind: 'mod-revision', key: regionLeaseKey(region), equals: modRevision }
  const election: RevisionGuard = { kind: 'create-revision', key: leadership.guard.key, equals: leadership.token }
  const total = batches.reduce((sum, { takes }) => sum + takes.length, 0)
  let moved = 0
  let revision: Revision | undefined
  let over = false
  let next = 0
  let sent = 0
  const lane = async (): Promise<void> => {
    for (let batch = batches[next++]; batch !== undefined && !over; batch = batches[next++]) {
      const { keyspace, takes } = batch
      const size = takes.length
      sent += size
      const done = sent
      try {
        const outcome = await ownership.mutate(
          takeOperation(region, term, batch),
          {
            kind: 'take-over',
            keyspace,
            from: region,
            takes: takes.map(({ start, target }) => ({ start, target })),
            expected: takes.map(({ start, generation }) => ({ start, generation })),
          },
          signal,
          {
            guards: [election, lease],
            operations: () => [journal(done, total - done)],
            refusal: (key) =>
              key === election.key
                ? new MeridianError('LEADERSHIP_LOST', 'This process no longer leads authority.')
                : new MeridianError('TRANSFER_ENDED', `${region} renewed its lease or lost another term`),
          },
        )
        moved += size
        if (revision === undefined || outcome.revision > revision) revision = outcome.revision
      } catch (error) {
        if (!isMeridianError(error)) throw error
        over ||= error.code === 'LEADERSHIP_LOST' || error.code === 'TRANSFER_ENDED'
        log.warn({ err: error, region, ranges: size }, 'ranges of a silent region not taken')
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(LANES, batches.length) }, lane))
  return { revision, moved }
}

/** The same for the same ranges at the same generations, whoever asks; another one for any other batch. */
function takeOperation(region: RegionId, term: bigint, { takes }: Batch): OperationId {
  const hash = createHash('sha256')
  for (const { rangeId, generation } of takes) hash.update(`${rangeId}/${generation} `)
  return operationId(`takeover:${region}:${term}:${hash.digest('hex').slice(0, 8)}`)
}
