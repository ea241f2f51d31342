import { MalformedTimestampError } from './errors.ts'
import { assertTimestamp } from './timestamp.ts'
import type { Timestamp } from './timestamp.ts'

const TEXT_PATTERN = /^([0-9a-f]{12})([0-9a-f]{4})-([a-z0-9-]{1,32})$/

/**
 * `{ wallMs: 1, counter: 2, origin: 'us-east-s1' }` -> `0000000000010002-us-east-s1`.
 *
 * The number part has a fixed width and lower-case digits, so comparing texts byte by byte (which is what etcd does
 * with values) is `compareTimestamps`. Throws `MalformedTimestampError` on a value outside its widths.
 */
export function formatTimestamp(t: Timestamp): string {
  assertTimestamp(t)
  return `${t.wallMs.toString(16).padStart(12, '0')}${t.counter.toString(16).padStart(4, '0')}-${t.origin}`
}

/** Accepts exactly what `formatTimestamp` writes, so that one instant has one text; else `MalformedTimestampError`. */
export function parseTimestamp(text: string): Timestamp {
  const [, wall, counter, origin] = TEXT_PATTERN.exec(text) ?? []
  if (wall === undefined || counter === undefined || origin === undefined) {
    throw new MalformedTimestampError(text, 'expected 16 lower-case hex digits, "-" and an origin of [a-z0-9-]{1,32}')
  }
  return { wallMs: Number.parseInt(wall, 16), counter: Number.parseInt(counter, 16), origin }
}
