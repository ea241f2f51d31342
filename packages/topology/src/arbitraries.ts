import fc from 'fast-check'
import type { Timestamp } from '@meridian/hlc'
import { keyspaceName, nodeId, operationId, rangeId, regionId, shardId, zoneId } from './ids.ts'
import type { NodeId, RegionId } from './ids.ts'
import { EMPTY_KEY, keyOfBytes, rangeIsEmpty } from './key.ts'
import type { Key } from './key.ts'
import { NODE_DUTIES, NODE_STATUSES } from './node-record.ts'
import type { NodeRecord, RegionRecord } from './node-record.ts'
import { REPLICAS_MAX } from './page.ts'
import type { Page, ReplicaChange, Shard } from './page.ts'
import { BUDGET_MS_MAX, RANGE_STATUSES } from './range-descriptor.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import { epoch, generation, nodeEpoch, revision } from './token.ts'

/** Generators of valid records, for the tests of this package. */
const NAME = /^[a-z][a-z0-9-]{0,31}$/
const name = fc.oneof(fc.constantFrom('a', 'eu-west', 'n-12'), fc.stringMatching(NAME))
const counterMax = 2n ** 63n - 1n
const counter = (min: bigint): fc.Arbitrary<bigint> =>
  fc.oneof(fc.bigInt({ min, max: 300n }), fc.bigInt({ min, max: counterMax }))

export const anyKey: fc.Arbitrary<Key> = fc
  .oneof(fc.uint8Array({ maxLength: 6 }), fc.uint8Array({ maxLength: 1024 }))
  .map(keyOfBytes)

export const anyInterval: fc.Arbitrary<{ start: Key; end: Key }> = fc
  .tuple(anyKey, anyKey)
  .map(([a, b]) => (b === EMPTY_KEY || a < b ? { start: a, end: b } : { start: b, end: a }))
  .filter((range) => !rangeIsEmpty(range))

export const anyStamp: fc.Arbitrary<Timestamp> = fc.record({
  wallMs: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
  counter: fc.integer({ min: 0, max: 2 ** 16 - 1 }),
  origin: fc.constantFrom('us-east', 'eu-west'),
})

const regions = fc.uniqueArray(name, { minLength: 1, maxLength: 5 }).map((names): [RegionId, ...RegionId[]] => {
  const [first, ...rest] = names.map(regionId)
  return [first ?? regionId('a'), ...rest]
})

export const anyRange: fc.Arbitrary<RangeDescriptor> = fc
  .record({
    id: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    keyspace: name,
    interval: anyInterval,
    regions,
    gen: counter(1n),
    status: fc.constantFrom(...RANGE_STATUSES),
    budgetMs: fc.option(fc.integer({ min: 0, max: BUDGET_MS_MAX }), { nil: undefined }),
    operation: fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/),
    stamp: anyStamp,
  })
  .map(({ id, keyspace, interval, regions: [owner, ...standbys], gen, status, budgetMs, operation, stamp }) => ({
    rangeId: rangeId(id),
    keyspace: keyspaceName(keyspace),
    ...interval,
    owner,
    standbys,
    generation: generation(gen),
    status,
    failover: budgetMs === undefined ? 'auto' : 'manual',
    budgetMs: budgetMs ?? 0,
    operation: operationId(operation),
    stamp,
  }))

const address = fc
  .tuple(fc.constantFrom('127.0.0.1', 'n1.eu-west.test', '[::1]'), fc.integer({ min: 1, max: 65_535 }))
  .map(([host, port]) => `${host}:${port}`)

export const anyNode: fc.Arbitrary<NodeRecord> = fc
  .record({
    id: name,
    region: name,
    zone: name,
    address,
    capacity: fc.integer({ min: 1, max: 1000 }),
    nodeEpoch: counter(0n),
    status: fc.constantFrom(...NODE_STATUSES),
    duty: fc.constantFrom(...NODE_DUTIES),
  })
  .map((facts) => ({
    nodeId: nodeId(facts.id),
    region: regionId(facts.region),
    zone: zoneId(facts.zone),
    address: facts.address,
    capacity: facts.capacity,
    nodeEpoch: nodeEpoch(facts.nodeEpoch),
    status: facts.status,
    duty: facts.duty,
  }))

export const anyRegion: fc.Arbitrary<RegionRecord> = fc.record({
  region: name.map(regionId),
  displayName: fc.constantFrom('Frankfurt', 'São Paulo', '東京', '"\\ '),
  servers: fc.uniqueArray(address, { maxLength: 4 }),
})

const anyShardFacts = fc.record({
  start: anyKey,
  birthRange: fc.integer({ min: 1, max: 3 }),
  epoch: counter(1n),
  replicas: fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: REPLICAS_MAX }),
  leader: fc.nat(),
  leaderNodeEpoch: counter(0n),
  assigned: fc.boolean(),
  change: fc.constantFrom('none' as const, 'none' as const, 'joining' as const, 'joint' as const),
  other: fc.integer({ min: 0, max: 9 }),
})

export const anyPage: fc.Arbitrary<Page> = fc
  .record({
    interval: anyInterval,
    gen: counter(1n),
    nodes: fc.uniqueArray(name, { minLength: 10, maxLength: 10 }),
    facts: fc.array(anyShardFacts, { minLength: 1, maxLength: 12 }),
    spare: fc.nat({ max: 300 }),
    role: fc.constantFrom('owner', 'owner', 'standby'),
    frozen: fc.option(fc.tuple(fc.stringMatching(/^[A-Za-z0-9._:-]{1,64}$/), counter(0n)), { nil: undefined }),
  })
  .map(({ interval, gen, nodes, facts, spare, role, frozen }): Page => {
    const inside = facts.filter(
      ({ start }) => start > interval.start && (interval.end === EMPTY_KEY || start < interval.end),
    )
    const starts = [...new Set([interval.start, ...inside.map(({ start }) => start)])].toSorted()
    const ordinals = new Map<number, number>()
    const shards = starts.map((start, index): Shard => {
      const fact = facts[index % facts.length]
      if (fact === undefined) throw new Error('there is at least one fact')
      const ordinal = ordinals.get(fact.birthRange) ?? 0
      ordinals.set(fact.birthRange, ordinal + 1)
      const replicas = fact.replicas.map((place): NodeId => nodeId(nodes[place] ?? 'a'))
      const other = nodeId(nodes[fact.other] ?? 'a')
      const change: ReplicaChange | undefined =
        fact.change === 'none' || role === 'standby' || replicas.includes(other)
          ? undefined
          : fact.change === 'joining'
            ? { kind: 'joining', node: other }
            : { kind: 'joint', prior: [other, ...replicas.slice(1)] }
      const common = {
        shardId: shardId(rangeId(fact.birthRange), ordinal),
        start,
        epoch: epoch(fact.epoch),
        replicas,
        ...(change === undefined ? {} : { change }),
      }
      const leader = replicas[fact.leader % replicas.length]
      return role === 'owner' && fact.assigned && leader !== undefined
        ? { ...common, status: 'assigned', leader, leaderNodeEpoch: nodeEpoch(fact.leaderNodeEpoch) }
        : { ...common, status: 'leaderless' }
    })
    return {
      rangeId: rangeId(1),
      keyspace: keyspaceName('cities'),
      role,
      generation: generation(gen),
      freeze:
        frozen === undefined || role === 'standby'
          ? undefined
          : { operation: operationId(frozen[0]), revision: revision(frozen[1]) },
      ...interval,
      nextOrdinal: (ordinals.get(1) ?? 0) + spare,
      shards,
    }
  })
