import type { StoreMember, StoreStatus } from '@meridian/store'
import type { Revision } from '@meridian/topology'
import { expect, it } from 'vitest'
import { LAG_ENTRIES_MAX, SILENT_LOOKS_MAX, VoterWatch } from './voters.ts'

const status = (memberId: string, change: Partial<StoreStatus> = {}): StoreStatus => ({
  leader: 'a',
  memberId,
  raftTerm: 3n,
  raftIndex: 5000n,
  revision: 1n as Revision,
  version: '3.7.3',
  endpoint: '',
  ...change,
})

const member = (memberId: string, change: Partial<StoreMember> = {}): StoreMember => ({
  memberId,
  name: `region-${memberId}`,
  learner: false,
  status: status(memberId),
  ...change,
})

it('tells the voters by the regions in their names, without learners and members of no name', () => {
  const watch = new VoterWatch((name) => (name === '' ? undefined : name))
  const { health, leader, memberOf } = watch.look([
    member('a'),
    member('b', { status: status('b', { raftIndex: 5000n - LAG_ENTRIES_MAX - 1n }) }),
    member('c', { learner: true }),
    member('d', { name: '' }),
  ])
  expect([...health]).toEqual([
    ['region-a', 'healthy'],
    ['region-b', 'lagging'],
  ])
  expect(leader).toBe('region-a')
  expect(memberOf.get('region-b')).toBe('b')
})

it('suspects a voter that is silent once, misses it after a few looks, and takes it back when it answers', () => {
  const watch = new VoterWatch((name) => name)
  const silent = [member('a'), member('b', { status: undefined })]
  const seen = Array.from({ length: SILENT_LOOKS_MAX }, () => watch.look(silent).health.get('region-b'))
  expect(seen).toEqual(['suspect', 'suspect', 'missing'])
  expect(watch.look([member('a'), member('b')]).health.get('region-b')).toBe('healthy')
})

it('tells of a region that drains, also while its voter is silent for a moment, but not of one that is gone', () => {
  const watch = new VoterWatch((name) => name)
  const draining = new Set(['region-a', 'region-b'])
  const silent = [member('a'), member('b', { status: undefined }), member('c')]
  const looks = Array.from({ length: SILENT_LOOKS_MAX }, () => [...watch.look(silent, draining).health.values()])
  expect(looks[0]).toEqual(['draining', 'draining', 'healthy'])
  expect(looks.at(-1)).toEqual(['draining', 'missing', 'healthy'])
})

it('believes the newest term about the leader, whatever a member that was left behind says', () => {
  const watch = new VoterWatch((name) => name)
  const members = [
    member('a', { status: status('a', { raftTerm: 2n }) }),
    member('b', { status: status('b', { leader: 'b' }) }),
  ]
  expect(watch.look(members).leader).toBe('region-b')
  expect(watch.look([member('b', { status: status('b', { leader: undefined }) })]).leader).toBeUndefined()
})
