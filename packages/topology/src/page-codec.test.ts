import { crc32 } from 'node:zlib'
import { expect, test } from 'vitest'
import { keyspaceName, nodeId, operationId, rangeId, shardId } from './ids.ts'
import { EMPTY_KEY, keyOfText } from './key.ts'
import { decodePage, encodePage } from './page-codec.ts'
import { SHARDS_PER_PAGE_MAX } from './page.ts'
import type { Page, Shard } from './page.ts'
import { epoch, generation, nodeEpoch, revision } from './token.ts'

const seven = rangeId(7)
const [a, b, c] = [nodeId('a'), nodeId('b'), nodeId('c')]

const example: Page = {
  rangeId: seven,
  keyspace: keyspaceName('cities'),
  generation: generation(3),
  start: keyOfText('de/'),
  end: EMPTY_KEY,
  role: 'owner',
  freeze: undefined,
  nextOrdinal: 2,
  shards: [
    {
      shardId: shardId(seven, 0),
      start: keyOfText('de/'),
      epoch: epoch(2),
      replicas: [a, b, c],
      status: 'assigned',
      leader: b,
      leaderNodeEpoch: nodeEpoch(5),
    },
    {
      shardId: shardId(seven, 1),
      start: keyOfText('de/3'),
      epoch: epoch(1),
      replicas: [a, b, c],
      status: 'leaderless',
    },
  ],
}

function sealed(hex: string): Uint8Array {
  const body = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex')
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([body, sum])
}

// The bytes of the worked example in page-codec.ts.
const head = '02 07 06636974696573 00 03 0364652f 00 02 03 0161 0162 0163'
const first = '01 02 03 00 01 02 01 05'
const second = '00 03 0133 01 03 00 01 02'

test('the worked example of the layout', () => {
  const bytes = sealed(`${head} 02 ${first} ${second}`)
  expect(Buffer.from(encodePage(example)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'))
  expect(decodePage(bytes)).toEqual(example)
})

test.each([
  ['another version', `01 07 06636974696573 03 0364652f 00 02 03 0161 0162 0163 02 ${first} ${second}`, /version 1/],
  ['an unknown page flag', '02 07 06636974696573 04 03', /above 3/],
  [
    'a standby page with a leader',
    `02 07 06636974696573 01 03 0364652f 00 02 03 0161 0162 0163 02 ${first} ${second}`,
    /has a leader/,
  ],
  [
    'a standby page that is frozen',
    `02 07 06636974696573 03 03 027431 09 0364652f 00 02 03 0161 0162 0163 01 00 02 03 00 01 02`,
    /standby page and frozen/,
  ],
  ['bytes left over', `${head} 02 ${first} ${second} 00`, /left over/],
  ['no shard', `${head} 00`, /0 shards/],
  ['a missing shard', `${head} 03 ${first} ${second}`, /ends too early/],
  ['an unknown flag', `${head} 01 10 02 03 00 01 02`, /above 15/],
  ['two changes of a shard', `${head} 01 0c 02 02 00 01 02`, /two ways/],
  ['a node that joins where it is', `${head} 01 04 02 03 00 01 02 00`, /joins and is/],
  ['two that leave at once', `${head} 01 08 02 01 00 03 00 01 02`, /leaves at once/],
  ['a node outside the dictionary', `${head} 01 00 02 03 00 01 03`, /place 3 of 3/],
  ['a node named twice by a shard', `${head} 01 00 02 03 00 01 01`, /not distinct/],
  ['a leader that is no replica', `${head} 01 01 02 03 00 01 02 03 05`, /place 3 of 3/],
  ['epoch 0', `${head} 01 00 00 03 00 01 02`, /epoch/],
  ['starts that do not rise', `${head} 02 ${first} 00 03 00 01 03 00 01 02`, /not above/],
  ['an ordinal not below the next one', `${head} 01 02 07 02 01 01 00`, /ordinal/],
  ['a shard id twice', `${head} 02 ${first} 02 07 00 03 0133 01 03 00 01 02`, /twice/],
])('a page with a right checksum and %s does not decode', (_, hex, reason) => {
  expect(() => decodePage(sealed(hex))).toThrow(/^stored page of (range 7|an unknown range) does not decode/)
  expect(() => decodePage(sealed(hex))).toThrow(reason)
})

test('a frozen page names its transfer and the revision of G at which it was seen', () => {
  const frozen: Page = { ...example, freeze: { operation: operationId('t1'), revision: revision(9) } }
  const bytes = sealed(`02 07 06636974696573 02 03 027431 09 0364652f 00 02 03 0161 0162 0163 02 ${first} ${second}`)
  expect(Buffer.from(encodePage(frozen)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'))
  expect(decodePage(bytes)).toEqual(frozen)
})

test('a page that breaks an invariant is not encoded', () => {
  expect(() => encodePage({ ...example, start: EMPTY_KEY })).toThrow(/page of range 7 is invalid/)
})

test('a full page of three replicas stays under 16 KB', () => {
  const nodes = Array.from({ length: 30 }, (_, index) => nodeId(`ap-southeast-${index}`))
  const shards = Array.from({ length: SHARDS_PER_PAGE_MAX }, (_, index): Shard => {
    const replicas = [0, 1, 2].map((zone) => nodes[((index * 7) % 10) * 3 + zone] ?? a)
    return {
      shardId: shardId(seven, index),
      start: index === 0 ? EMPTY_KEY : keyOfText(`us/${String(4_000_000 + index * 1_951)}`),
      epoch: epoch(index % 40 === 0 ? 1000 : 3),
      replicas,
      status: 'assigned',
      leader: replicas[index % 3] ?? a,
      leaderNodeEpoch: nodeEpoch(200),
    }
  })
  const page: Page = { ...example, start: EMPTY_KEY, end: EMPTY_KEY, nextOrdinal: SHARDS_PER_PAGE_MAX, shards }
  const bytes = encodePage(page)
  expect(decodePage(bytes)).toEqual(page)
  // 16.2 bytes a shard; README.md states it.
  expect(bytes.length).toBe(8293)
})
