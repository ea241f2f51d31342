import { eventsOf } from '../../history/event.ts'
import type { EventOf, HistoryEvent } from '../../history/event.ts'
import { one } from './mutant.ts'
import type { Mutant } from './mutant.ts'

type Commit = EventOf<'g.commit'>

/** The record that the range had before, if it is of the same range. */
function before(history: readonly HistoryEvent[], commit: Commit): Commit | undefined {
  return eventsOf(history, 'g.commit').findLast(({ range, t }) => range === commit.range && t < commit.t)
}

export const RANGE_MUTANTS: readonly Mutant[] = [
  {
    name: 'a split leaves a gap',
    caughtBy: ['one-owner'],
    spoil: one('g.commit', (commit, history) =>
      commit.start === '' || before(history, commit) !== undefined ? undefined : 'drop',
    ),
  },
  {
    name: 'a merge leaves the right half where it was',
    caughtBy: ['one-owner'],
    spoil: one('g.commit', (commit) => (commit.status === 'gone' ? 'drop' : undefined)),
  },
  {
    name: 'a range has no owner',
    caughtBy: ['one-owner'],
    spoil: one('g.commit', (commit) => (commit.status === 'gone' ? undefined : { ...commit, owner: '' })),
  },
  {
    name: 'a range changes hands or bounds without a rise of its generation',
    caughtBy: ['generations'],
    spoil: one('g.commit', (commit, history) => {
      const was = before(history, commit)
      if (was === undefined || commit.status === 'gone' || was.gen === commit.gen) return undefined
      return { ...commit, gen: was.gen }
    }),
  },
  {
    name: 'the generation of a merged range is that of its left half and one',
    caughtBy: ['generations'],
    spoil: one('g.commit', (commit, history) => {
      const right = eventsOf(history, 'g.commit').find(({ status, rev }) => status === 'gone' && rev === commit.rev)
      const left = before(history, commit)
      if (commit.status === 'gone' || right === undefined || left === undefined) return undefined
      return BigInt(right.gen) > BigInt(left.gen) ? { ...commit, gen: String(BigInt(left.gen) + 1n) } : undefined
    }),
  },
  {
    name: 'a region goes on under a generation that it never had',
    caughtBy: ['subordination'],
    spoil: one('e.commit', (commit) => ({ ...commit, gen: '999' })),
  },
  {
    name: 'a region leads what another one was given',
    caughtBy: ['subordination'],
    spoil: one('e.commit', (commit) => ({ ...commit, region: commit.region === 'eu' ? 'us' : 'eu' })),
  },
  {
    name: 'a token names two leaders',
    caughtBy: ['one-leader'],
    spoil: one('e.commit', (commit, history) => {
      const next = eventsOf(history, 'e.commit').find(
        ({ shard, gen, epoch, t }) =>
          shard === commit.shard && gen === commit.gen && BigInt(epoch) === BigInt(commit.epoch) + 1n && t > commit.t,
      )
      return next === undefined ? undefined : { ...commit, epoch: next.epoch }
    }),
  },
  {
    name: 'a stamp falls along the revisions',
    caughtBy: ['stamp-order'],
    spoil: one('g.commit', (commit) => ({ ...commit, stamp: '0000000000000000-s1' })),
  },
  {
    name: 'an operation is committed a second time',
    caughtBy: ['operations'],
    spoil: one('g.commit', (commit, history) => {
      const known = eventsOf(history, 'g.commit').find(
        ({ status, op, rev, t }) => status === 'active' && op !== '' && rev !== commit.rev && t < commit.t,
      )
      return commit.status === 'active' && known !== undefined ? { ...commit, op: known.op } : undefined
    }),
  },
  {
    name: 'a commit has no outcome on record',
    caughtBy: ['operations'],
    spoil: one('put', (put, history) => {
      const used = eventsOf(history, 'g.commit').some(({ rev, status }) => rev === put.rev && status !== 'gone')
      return put.key.startsWith('/op/') && used ? 'drop' : undefined
    }),
  },
]
