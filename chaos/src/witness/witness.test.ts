import { systemClock } from '@meridian/loop'
import type { RecordChange, Txn } from '@meridian/store'
import { MemoryCluster, MemoryStore } from '@meridian/store/memory'
import {
  EMPTY_KEY,
  encodePage,
  encodeRange,
  epoch,
  generation,
  keyOfText,
  keyspaceName,
  nodeEpoch,
  nodeId,
  operationId,
  operationKey,
  pageKey,
  rangeId,
  rangeKey,
  regionId,
  revision,
  shardId,
  STAMP_KEY,
} from '@meridian/topology'
import type { Page, RangeDescriptor, Shard } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { checkKeyGenerations } from '../checkers/key-generations.ts'
import { checkOneOwner } from '../checkers/one-owner.ts'
import { checkOperationOutcomes } from '../checkers/operation-outcomes.ts'
import { checkStampOrder } from '../checkers/stamp-order.ts'
import { checkWitnessReplay } from '../checkers/witness-replay.ts'
import { waitUntil } from '../demo/wait-until.ts'
import { eventsOf } from '../history/event.ts'
import { formatEvent, parseHistory } from '../history/history-text.ts'
import { Recorder } from '../history/recorder.ts'
import { CommitDecoder } from './commit-decoder.ts'
import { StoreWitness } from './store-witness.ts'

const cities = keyspaceName('cities')
const middle = keyOfText('m')
const never = new AbortController().signal

function range(id: number, start: RangeDescriptor['start'], end: RangeDescriptor['end'], gen: number): RangeDescriptor {
  return {
    rangeId: rangeId(id),
    keyspace: cities,
    start,
    end,
    owner: regionId('eu'),
    standbys: [],
    generation: generation(gen),
    status: 'active',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId(`op-${gen}`),
    stamp: { wallMs: gen, counter: 0, origin: 's1' },
  }
}

const stampText = (gen: number): string => `${gen.toString(16).padStart(12, '0')}0000-s1`

function shard(ordinal: number, start: Shard['start'], at: number, leader: string | undefined): Shard {
  const facts = {
    shardId: shardId(rangeId(2), ordinal),
    start,
    epoch: epoch(at),
    replicas: [nodeId('n1'), nodeId('n2')],
  }
  if (leader === undefined) return { ...facts, status: 'leaderless' }
  return { ...facts, status: 'assigned', leader: nodeId(leader), leaderNodeEpoch: nodeEpoch(1) }
}

function page(gen: number, shards: readonly Shard[]): Page {
  const bounds = { keyspace: cities, start: EMPTY_KEY, end: EMPTY_KEY }
  return {
    rangeId: rangeId(2),
    role: 'owner',
    generation: generation(gen),
    freeze: undefined,
    nextOrdinal: 2,
    shards,
    ...bounds,
  }
}

const changed = (key: string, value: Uint8Array | undefined, at = 1): RecordChange => ({
  key,
  value,
  modRevision: revision(at),
})

describe('the decoder', () => {
  const decoder = () => new CommitDecoder({ witness: 'eu', tier: 'eu', decodes: true })
  const put = (value: Page) => [changed(pageKey(rangeId(2)), encodePage(value)), changed(STAMP_KEY, Buffer.from('s'))]
  const told = (entries: ReturnType<CommitDecoder['read']>) =>
    entries.flatMap((entry) =>
      entry.kind === 'e.commit' ? [`${entry.shard} g${entry.gen}.e${entry.epoch} ${entry.leader} ${entry.status}`] : [],
    )

  it('tells a page shard by shard, and later only the shards that changed or left', () => {
    const [a, b] = [shard(0, EMPTY_KEY, 1, 'n1'), shard(1, middle, 1, 'n1')]
    const eu = decoder()
    expect(told(eu.read(3n, put(page(1, [a, b]))))).toEqual(['2.0 g1.e1 n1 assigned', '2.1 g1.e1 n1 assigned'])
    expect(told(eu.read(4n, put(page(1, [a, b]))))).toEqual([])
    expect(told(eu.read(5n, put(page(1, [a, shard(1, middle, 2, undefined)]))))).toEqual(['2.1 g1.e2  leaderless'])
    expect(told(eu.read(6n, put(page(2, [a]))))).toEqual(['2.0 g2.e1 n1 assigned', '2.1 g1.e2  gone'])
    expect(told(eu.read(7n, [changed(pageKey(rangeId(2)), undefined)]))).toEqual(['2.0 g2.e1 n1 gone'])
  })

  it('gives each commit the stamp and the incarnation of its revision', () => {
    const eu = decoder()
    eu.read(2n, [changed('/inc', Buffer.from('7'))])
    const entries = eu.read(3n, put(page(1, [shard(0, EMPTY_KEY, 1, 'n1')])))
    const commit = entries.find(({ kind }) => kind === 'e.commit')
    expect(commit).toMatchObject({ region: 'eu', inc: '7', rev: '3', stamp: 's' })
  })

  it('tells followers from owners, and what a page is frozen for', () => {
    const eu = decoder()
    const led = page(1, [shard(0, EMPTY_KEY, 1, 'n1')])
    const facts = (entries: ReturnType<CommitDecoder['read']>) =>
      entries.flatMap((entry) => (entry.kind === 'e.commit' ? [{ page: entry.page, freeze: entry.freeze }] : []))
    expect(facts(eu.read(3n, put(led)))).toEqual([{ page: 'owner', freeze: undefined }])
    const freeze = { operation: operationId('op-t'), revision: revision(9) }
    expect(facts(eu.read(4n, put({ ...led, freeze })))).toEqual([{ page: 'owner', freeze: { op: 'op-t', rev: '9' } }])
    expect(facts(eu.read(5n, put({ ...led, freeze })))).toEqual([])
    const following: Page = { ...led, role: 'standby', shards: [shard(0, EMPTY_KEY, 1, undefined)] }
    expect(facts(eu.read(6n, put(following)))).toEqual([{ page: 'standby', freeze: undefined }])
  })

  it('tells who stands for election, by the revision that each first stood at', () => {
    const g = new CommitDecoder({ witness: 'g-1', tier: 'g', decodes: true })
    const told = [
      ...g.read(5n, [changed('/elect/authority/7a', Buffer.from('a'))]),
      ...g.read(6n, [changed('/elect/authority/7b', Buffer.from('b'))]),
      ...g.read(7n, [changed('/elect/authority/7a', Buffer.from('a, moved'))]),
      ...g.read(8n, [changed('/elect/authority/7a', undefined), changed('/elect/authority/7c', undefined)]),
    ].flatMap((entry) => (entry.kind === 'elect' ? [`${entry.rev} ${entry.role} ${entry.elect} ${entry.phase}`] : []))
    expect(told).toEqual(['5 authority 5 stood', '6 authority 6 stood', '8 authority 5 left'])
  })

  it('tells each renewal of a region, and each loss of its authority', () => {
    const g = new CommitDecoder({ witness: 'g-1', tier: 'g', decodes: true })
    const lease = (at: number, record: unknown) =>
      g
        .read(BigInt(at), [changed('/region/eu', Buffer.from(JSON.stringify(record)))])
        .flatMap((entry) => (entry.kind === 'put' ? [] : [entry]))
    expect(lease(4, { term: '1', counter: '2', status: 'live' })).toEqual([
      { kind: 'rl.commit', inc: '0', rev: '4', region: 'eu', term: '1', counter: '2', status: 'live' },
    ])
    expect(lease(5, { term: '2', counter: '2', status: 'silent' })).toMatchObject([{ status: 'silent', term: '2' }])
    expect(lease(6, { term: 3, counter: '2', status: 'live' })).toMatchObject([{ kind: 'undecoded' }])
    expect(lease(7, { term: '3', counter: '2', status: 'asleep' })).toMatchObject([{ kind: 'undecoded' }])
  })

  it('says what it cannot read, and goes on', () => {
    const entries = decoder().read(3n, [changed(pageKey(rangeId(2)), Buffer.from('?'))])
    expect(entries.map(({ kind }) => kind)).toEqual(['put', 'undecoded'])
  })
})

describe('a witness', () => {
  const clock = systemClock
  const witnessOf = (cluster: MemoryCluster, recorder: Recorder) =>
    new StoreWitness({
      witness: 'g-1',
      tier: 'g',
      decodes: true,
      prefixes: ['/range/', '/op/', '/stamp'],
      store: new MemoryStore(cluster),
      recorder,
      clock,
    })
  const write = (gen: number, ranges: readonly RangeDescriptor[], gone: readonly RangeDescriptor[] = []): Txn => ({
    guards: [],
    operations: [
      { kind: 'put', key: operationKey(operationId(`op-${gen}`)), value: Buffer.from(String(gen)) },
      { kind: 'put', key: STAMP_KEY, value: Buffer.from(stampText(gen)) },
      ...ranges.map((each) => ({
        kind: 'put' as const,
        key: rangeKey(each.keyspace, each.start),
        value: encodeRange(each),
      })),
      ...gone.map((each) => ({ kind: 'delete' as const, key: rangeKey(each.keyspace, each.start) })),
    ],
  })

  it('sees what was committed before it came and while it was there, and what it saw is what there is', async () => {
    await using cluster = new MemoryCluster()
    await using writer = new MemoryStore(cluster)
    const recorder = new Recorder(() => 0)
    await writer.txn(write(1, [range(1, EMPTY_KEY, EMPTY_KEY, 1)]))
    await using witness = witnessOf(cluster, recorder)
    const upper = range(2, middle, EMPTY_KEY, 2)
    await writer.txn(write(2, [range(1, EMPTY_KEY, middle, 2), upper]))
    await writer.txn({ guards: [], operations: [{ kind: 'put', key: '/elect/x', value: Buffer.from('1') }] })
    await writer.txn(write(3, [range(1, EMPTY_KEY, EMPTY_KEY, 3)], [upper]))
    await witness.finish(never)
    await writer.txn(write(4, [range(1, EMPTY_KEY, EMPTY_KEY, 4)]))

    const history = parseHistory(recorder.events.map(formatEvent).join(''))
    expect(eventsOf(history, 'g.commit').map((each) => `${each.range} ${each.gen} ${each.status}`)).toEqual([
      '1 1 active',
      '1 2 active',
      '2 2 active',
      '1 3 active',
      '2 2 gone',
    ])
    expect(eventsOf(history, 'put').some(({ key }) => key === '/elect/x')).toBe(false)
    for (const check of [
      checkWitnessReplay,
      checkOneOwner,
      checkKeyGenerations,
      checkStampOrder,
      checkOperationOutcomes,
    ]) {
      expect(check(history), check.name).toMatchObject({ verdict: 'valid' })
    }
  })

  it('is lost when the beginning is gone, and says so instead of failing', async () => {
    await using cluster = new MemoryCluster()
    await using writer = new MemoryStore(cluster)
    for (const gen of [1, 2, 3]) await writer.txn(write(gen, [range(1, EMPTY_KEY, EMPTY_KEY, gen)]))
    cluster.compact(revision(3))
    const recorder = new Recorder(() => 0)
    await using witness = witnessOf(cluster, recorder)
    await waitUntil('the loss', clock, 2000, never, () => eventsOf(recorder.events, 'witness').length > 1)
    await witness.finish(never)
    expect(eventsOf(recorder.events, 'witness').map(({ phase }) => phase)).toEqual(['began', 'lost'])
    expect(checkWitnessReplay(recorder.events)).toMatchObject({ verdict: 'unknown' })
  })
})
