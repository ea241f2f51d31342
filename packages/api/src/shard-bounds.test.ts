import {
  epoch,
  EMPTY_KEY,
  generation,
  isMeridianError,
  keyOfText,
  keyspaceName,
  nodeId,
  operationId,
  RangeMap,
  rangeId,
  regionId,
  shardId,
} from '@meridian/topology'
import type { Page, RangeDescriptor } from '@meridian/topology'
import { expect, test } from 'vitest'
import type { ServerParts } from './parts.ts'
import { checkShardBounds } from './shard-bounds.ts'

const [eu, us] = [regionId('eu'), regionId('us')]
const keyspace = keyspaceName('cities')

/** A server of eu that sees range 1 over all keys, its page with shards at '' and at `bounds`. */
function server(bounds: readonly string[], more: Partial<RangeDescriptor> = {}, page: Partial<Page> = {}): ServerParts {
  const range: RangeDescriptor = {
    rangeId: rangeId(1),
    keyspace,
    start: EMPTY_KEY,
    end: EMPTY_KEY,
    owner: eu,
    standbys: [],
    generation: generation(2),
    status: 'active',
    failover: 'auto',
    budgetMs: 0,
    operation: operationId('op'),
    stamp: { wallMs: 1, counter: 0, origin: 'eu' },
    ...more,
  }
  const shards = ['', ...bounds].map((start, ordinal) => ({
    shardId: shardId(range.rangeId, ordinal),
    start: keyOfText(start),
    epoch: epoch(1),
    replicas: [nodeId('a')],
    status: 'leaderless' as const,
  }))
  const stored: Page = {
    ...range,
    role: 'owner',
    freeze: undefined,
    nextOrdinal: shards.length,
    shards,
    ...page,
  }
  const parts: Pick<ServerParts, 'region'> & { globalView: unknown; regionView: unknown } = {
    region: eu,
    globalView: { ranges: RangeMap.empty.apply([range]) },
    regionView: { pages: new Map([[range.rangeId, { page: stored, modRevision: 1n }]]) },
  }
  // Only what a split looks at is there.
  return parts as ServerParts
}

function refusal(parts: ServerParts, at: string): string {
  try {
    checkShardBounds(parts, keyspace, [keyOfText(at)])
    return 'none'
  } catch (error) {
    if (!isMeridianError(error)) throw error
    return `${error.code}: ${error.message}`
  }
}

test('a range is split where its shards meet', () => {
  expect(refusal(server(['g', 'p']), 'g')).toBe('none')
  expect(refusal(server(['g', 'p']), 'p')).toBe('none')
})

test.each([
  ['elsewhere', server(['g', 'p']), 'h', /^SPLIT_NOT_AT_SHARD_BOUND: .* at h: its shards meet at g, p$/],
  ['with one shard', server([]), 'h', /^SPLIT_NOT_AT_SHARD_BOUND: .* one shard, and a shard is not split$/],
  [
    'with many shards',
    server(Array.from({ length: 20 }, (_, index) => `k${String(index).padStart(2, '0')}`)),
    'k10x',
    /^SPLIT_NOT_AT_SHARD_BOUND: .* of its 20 shard bounds the nearest are k07, k08, k09, k10, k11, k12, k13, k14$/,
  ],
  ['of another region', server(['g'], { owner: us }), 'g', /^NOT_OWNER_REGION: /],
  [
    'whose page is of another generation',
    server(['g'], { generation: generation(3) }, { generation: generation(2) }),
    'g',
    /^NOT_SERVING: /,
  ],
  ['that is only followed here', server(['g'], {}, { role: 'standby' }), 'g', /^NOT_SERVING: /],
])('a range %s is not, and the refusal says why', (_, parts, at, expected) => {
  expect(refusal(parts, at)).toMatch(expected)
})

test('what holds no data may be split anywhere, by anybody', () => {
  expect(refusal(server([], { status: 'vacant', owner: us }), 'h')).toBe('none')
})
