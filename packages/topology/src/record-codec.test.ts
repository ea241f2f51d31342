import { expect, test } from 'vitest'
import { formatTimestamp } from '@meridian/hlc'
import { keyspaceName, nodeId, operationId, rangeId, regionId, zoneId } from './ids.ts'
import { EMPTY_KEY, keyOfText } from './key.ts'
import type { NodeRecord } from './node-record.ts'
import type { RangeDescriptor } from './range-descriptor.ts'
import { decodeNode, decodeRange, decodeRegion, encodeNode, encodeRange, encodeRegion } from './record-codec.ts'
import { generation, nodeEpoch } from './token.ts'

const range: RangeDescriptor = {
  rangeId: rangeId(7),
  keyspace: keyspaceName('cities'),
  start: keyOfText('de/'),
  end: EMPTY_KEY,
  owner: regionId('eu-west'),
  standbys: [regionId('us-east')],
  generation: generation(3),
  status: 'active',
  failover: 'auto',
  budgetMs: 0,
  operation: operationId('import-7'),
  stamp: { wallMs: 1_700_000_000_000, counter: 2, origin: 'eu-west' },
}
const node: NodeRecord = {
  nodeId: nodeId('eu-west-a'),
  region: regionId('eu-west'),
  zone: zoneId('a'),
  address: '127.0.0.1:7001',
  capacity: 100,
  nodeEpoch: nodeEpoch(5),
  status: 'up',
  duty: 'serving',
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const bytes = (value: string): Uint8Array => Buffer.from(value)

test('stored spelling of each record', () => {
  expect(text(encodeRange(range))).toBe(
    '{"rangeId":7,"keyspace":"cities","start":"64652f","end":"","owner":"eu-west","standbys":["us-east"],' +
      `"generation":"3","status":"active","failover":"auto","budgetMs":0,"operation":"import-7","stamp":"${formatTimestamp(range.stamp)}"}`,
  )
  expect(text(encodeNode(node))).toBe(
    '{"nodeId":"eu-west-a","region":"eu-west","zone":"a","address":"127.0.0.1:7001","capacity":100,' +
      '"nodeEpoch":"5","status":"up","duty":"serving"}',
  )
  expect(text(encodeRegion({ region: regionId('eu-west'), displayName: 'Dublin', servers: ['h:1'] }))).toBe(
    '{"region":"eu-west","displayName":"Dublin","servers":["h:1"]}',
  )
})

const good = text(encodeRange(range))
test.each([
  ['not JSON', good.slice(1)],
  ['another type', '[]'],
  ['a missing field', good.replace('"owner":"eu-west",', '')],
  ['an unknown field', good.replace('"end"', '"writeMode":"x","end"')],
  ['another order', good.replace('"rangeId":7,"keyspace":"cities"', '"keyspace":"cities","rangeId":7')],
  ['blanks', good.replace(',', ', ')],
  ['upper-case hex', good.replace('64652f', '64652F')],
  ['a leading zero', good.replace('"3"', '"03"')],
  ['a number for a counter', good.replace('"3"', '3')],
  ['generation 0', good.replace('"3"', '"0"')],
  ['an unknown status', good.replace('active', 'lost')],
  ['a budget under automatic failover', good.replace('"budgetMs":0', '"budgetMs":5')],
  ['an unknown policy', good.replace('auto', 'never')],
  ['an empty interval', good.replace('"end":""', '"end":"61"')],
  ['a bad region', good.replace('eu-west', 'EU')],
  ['its owner as standby', good.replace('us-east', 'eu-west')],
  ['a range id of 0', good.replace(':7', ':0')],
  ['a bad stamp', good.replace(/"stamp":"[^"]*"/, '"stamp":"x"')],
])('a range record with %s does not decode', (_, stored) => {
  expect(() => decodeRange(bytes(stored))).toThrow(/^stored range record does not decode: .*; it begins /)
})

const goodNode = text(encodeNode(node))
test.each([
  ['no port', goodNode.replace(':7001', '')],
  ['port 0', goodNode.replace(':7001', ':0')],
  ['a control character in the address', goodNode.replace('127.0.0.1', '127\\n0')],
  ['capacity 0', goodNode.replace('100', '0')],
  ['capacity 1001', goodNode.replace('100', '1001')],
  ['a fraction', goodNode.replace('100', '1.5')],
])('a node record with %s does not decode', (_, stored) => {
  expect(() => decodeNode(bytes(stored))).toThrow(/^stored node record does not decode/)
})

test('a region record with a control character in its display name does not decode', () => {
  expect(() => decodeRegion(bytes('{"region":"a","displayName":"x\\u001b[2J","servers":[]}'))).toThrow(/display name/)
})

test('an invalid record is not encoded', () => {
  expect(() => encodeRange({ ...range, end: keyOfText('a') })).toThrow(/range record 7 is invalid/)
  expect(() => encodeNode({ ...node, capacity: 0 })).toThrow(/node record eu-west-a is invalid/)
})
