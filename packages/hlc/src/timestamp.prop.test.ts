import fc from 'fast-check'
import { test } from 'vitest'
import { COUNTER_MAX, WALL_MS_MAX, ZERO_TIMESTAMP, compareTimestamps } from './timestamp.ts'
import { formatTimestamp, parseTimestamp } from './timestamp-text.ts'
import { decodeTimestamp, encodeTimestamp } from './timestamp-wire.ts'
import type { Timestamp } from './timestamp.ts'

const originCharacter = fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789-'.split(''))

/** Few distinct values per field, so that pairs often tie in the first ones. */
const timestamp: fc.Arbitrary<Timestamp> = fc.record({
  wallMs: fc.oneof(
    fc.constantFrom(0, 1, 255, 256, 2 ** 32 - 1, 2 ** 32, WALL_MS_MAX),
    fc.integer({ min: 0, max: WALL_MS_MAX }),
  ),
  counter: fc.oneof(fc.constantFrom(0, 1, 255, 256, COUNTER_MAX), fc.integer({ min: 0, max: COUNTER_MAX })),
  origin: fc.oneof(
    fc.constantFrom('-', '--', '0', 'a', 'a-', 'a-b', 'ab', 'b'),
    fc.string({ unit: originCharacter, minLength: 1, maxLength: 32 }),
  ),
})

const same = (a: Timestamp, b: Timestamp): boolean => compareTimestamps(a, b) === 0

test('text and wire form bring back the same timestamp', () => {
  fc.assert(
    fc.property(
      timestamp,
      (t) => same(parseTimestamp(formatTimestamp(t)), t) && same(decodeTimestamp(encodeTimestamp(t)), t),
    ),
  )
})

test('I31 needs it: byte order of the text and of the wire form is the order of the timestamps', () => {
  fc.assert(
    fc.property(timestamp, timestamp, (a, b) => {
      const order = Math.sign(compareTimestamps(a, b))
      const byText = Buffer.compare(Buffer.from(formatTimestamp(a)), Buffer.from(formatTimestamp(b)))
      const byWire = Buffer.compare(encodeTimestamp(a), encodeTimestamp(b))
      return byText === order && byWire === order
    }),
    { numRuns: 2_000 },
  )
})

test('the order is total, antisymmetric and transitive, with zero at its foot', () => {
  fc.assert(
    fc.property(timestamp, timestamp, timestamp, (a, b, c) => {
      const [x, y, z] = [a, b, c].toSorted(compareTimestamps)
      if (x === undefined || y === undefined || z === undefined) return false
      return (
        compareTimestamps(x, y) <= 0 &&
        compareTimestamps(y, z) <= 0 &&
        compareTimestamps(x, z) <= 0 &&
        Math.sign(compareTimestamps(a, b)) === -Math.sign(compareTimestamps(b, a)) + 0 &&
        compareTimestamps(ZERO_TIMESTAMP, x) <= 0
      )
    }),
  )
})
