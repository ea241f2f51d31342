import { expect, test } from 'vitest'
import { MalformedTimestampError } from './errors.ts'
import { COUNTER_MAX, WALL_MS_MAX, ZERO_TIMESTAMP, compareTimestamps } from './timestamp.ts'
import { formatTimestamp, parseTimestamp } from './timestamp-text.ts'
import { decodeTimestamp, encodeTimestamp } from './timestamp-wire.ts'
import type { Timestamp } from './timestamp.ts'

const LONGEST_ORIGIN = 'z'.repeat(32)

const forms: readonly [Timestamp, string, string][] = [
  [ZERO_TIMESTAMP, '0000000000000000--', '00000000000000002d'],
  [{ wallMs: 0, counter: 0, origin: '0' }, '0000000000000000-0', '000000000000000030'],
  [
    { wallMs: 1, counter: 2, origin: 'us-east-s1' },
    '0000000000010002-us-east-s1',
    '000000000001000275732d656173742d7331',
  ],
  [{ wallMs: 2 ** 32, counter: 10, origin: 'a' }, '000100000000000a-a', '000100000000000a61'],
  [
    { wallMs: WALL_MS_MAX, counter: COUNTER_MAX, origin: LONGEST_ORIGIN },
    `ffffffffffffffff-${LONGEST_ORIGIN}`,
    `ffffffffffffffff${'7a'.repeat(32)}`,
  ],
]

test.each(forms)('%j has one text and one wire form', (stamp, text, hex) => {
  expect(formatTimestamp(stamp)).toBe(text)
  expect(parseTimestamp(text)).toEqual(stamp)
  expect(Buffer.from(encodeTimestamp(stamp)).toString('hex')).toBe(hex)
  expect(decodeTimestamp(Buffer.from(hex, 'hex'))).toEqual(stamp)
})

test.each([
  ['', 'empty'],
  ['0000000000010002', 'no origin'],
  ['0000000000010002-', 'empty origin'],
  ['000000000001002-a', 'short number'],
  ['00000000000100020-a', 'long number'],
  ['000000000001000A-a', 'upper-case digit: a second text for one instant'],
  ['0000000000010002-A', 'upper-case origin'],
  ['0000000000010002-a_b', 'underscore'],
  ['0000000000010002-a\n', 'line end'],
  [' 0000000000010002-a', 'space in front'],
  [`0000000000010002-${LONGEST_ORIGIN}z`, 'long origin'],
])('parseTimestamp refuses %j (%s)', (text) => {
  expect(() => parseTimestamp(text)).toThrow(MalformedTimestampError)
})

test.each([
  ['00000000000100', 'short'],
  ['0000000000010002', 'no origin'],
  ['000000000001000241', 'upper-case origin'],
  ['0000000000010002e1', 'not ASCII'],
  [`0000000000010002${'7a'.repeat(33)}`, 'long origin'],
])('decodeTimestamp refuses %s (%s)', (hex) => {
  expect(() => decodeTimestamp(Buffer.from(hex, 'hex'))).toThrow(MalformedTimestampError)
})

test.each([
  { wallMs: -1, counter: 0, origin: 'a' },
  { wallMs: 0.5, counter: 0, origin: 'a' },
  { wallMs: Number.NaN, counter: 0, origin: 'a' },
  { wallMs: WALL_MS_MAX + 1, counter: 0, origin: 'a' },
  { wallMs: 0, counter: COUNTER_MAX + 1, origin: 'a' },
  { wallMs: 0, counter: -1, origin: 'a' },
  { wallMs: 0, counter: 0, origin: '' },
  { wallMs: 0, counter: 0, origin: 'A' },
])('a value outside its widths is never written: %j', (stamp) => {
  expect(() => formatTimestamp(stamp)).toThrow(MalformedTimestampError)
  expect(() => encodeTimestamp(stamp)).toThrow(MalformedTimestampError)
})

test('an error shows hostile input escaped and cut', () => {
  const error = new MalformedTimestampError(`\u001b[2J\n${'x'.repeat(10_000)}`, 'why')
  expect(error.message).toContain(String.raw`\u001b[2J\n`)
  expect(error.message.length).toBeLessThan(200)
})

test('compareTimestamps looks at wall, then counter, then origin', () => {
  const rising: Timestamp[] = [
    ZERO_TIMESTAMP,
    { wallMs: 0, counter: 0, origin: '--' },
    { wallMs: 0, counter: 0, origin: '0' },
    { wallMs: 0, counter: 1, origin: '-' },
    { wallMs: 9, counter: 65_535, origin: 'z' },
    { wallMs: 10, counter: 0, origin: 'a' },
    { wallMs: 10, counter: 0, origin: 'a-b' },
    { wallMs: 10, counter: 0, origin: 'ab' },
    { wallMs: 10, counter: 9, origin: 'a' },
    { wallMs: 10, counter: 10, origin: 'a' },
  ]
  for (const [i, a] of rising.entries()) {
    for (const [j, b] of rising.entries()) expect(Math.sign(compareTimestamps(a, b))).toBe(Math.sign(i - j))
  }
})

test('decodeTimestamp reads a view into a larger buffer', () => {
  const stamp = { wallMs: 2 ** 40 + 5, counter: 7, origin: 'eu-west' }
  const encoded = encodeTimestamp(stamp)
  const larger = new Uint8Array(100)
  larger.set(encoded, 13)
  expect(decodeTimestamp(larger.subarray(13, 13 + encoded.length))).toEqual(stamp)
})
