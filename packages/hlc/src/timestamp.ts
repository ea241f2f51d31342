import { MalformedTimestampError } from './errors.ts'

/**
 * One instant of the hybrid logical clock. Totally ordered by (wallMs, counter, origin).
 *
 * Example: two events of `us-east-s1` within one millisecond are `{ wallMs: 1000, counter: 0 }` and
 * `{ wallMs: 1000, counter: 1 }`; an event of `eu-west-s1` caused by the second is at least
 * `{ wallMs: 1000, counter: 2 }`, even if the clock of eu-west still says 900.
 */
export type Timestamp = {
  /** Milliseconds since the Unix epoch, integer, 48 bits. May be ahead of any clock by the maximum offset. */
  readonly wallMs: number
  /** Orders events that share `wallMs`. Integer, 16 bits. */
  readonly counter: number
  /** Writer id, `[a-z0-9-]{1,32}`. A tie-break only: it says nothing about cause. One live writer per origin. */
  readonly origin: string
}

export const WALL_MS_MAX = 2 ** 48 - 1
export const COUNTER_MAX = 2 ** 16 - 1
export const ORIGIN_LENGTH_MAX = 32

/** `-` sorts before every other origin, so this is the least value that the text and the wire form can carry. */
const ZERO_ORIGIN = '-'

/** Below every stamp that a clock issues. Clocks refuse its origin. */
export const ZERO_TIMESTAMP: Timestamp = Object.freeze({ wallMs: 0, counter: 0, origin: ZERO_ORIGIN })

const ORIGIN_PATTERN = /^[a-z0-9-]{1,32}$/

/** True for a text that may name the writer of a timestamp. */
export function isOrigin(text: string): boolean {
  return ORIGIN_PATTERN.test(text)
}

/** True for an origin that a clock may write under: `ZERO_TIMESTAMP` must stay below all of its stamps. */
export function isWriterOrigin(text: string): boolean {
  return isOrigin(text) && text !== ZERO_ORIGIN
}

export function isWallMs(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= WALL_MS_MAX
}

function isCounter(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= COUNTER_MAX
}

/** Negative, zero or positive, as for `Array.prototype.sort`. Equals the order of the text form and of the wire form. */
export function compareTimestamps(a: Timestamp, b: Timestamp): number {
  if (a.wallMs !== b.wallMs) return a.wallMs - b.wallMs
  if (a.counter !== b.counter) return a.counter - b.counter
  if (a.origin === b.origin) return 0
  return a.origin < b.origin ? -1 : 1
}

/**
 * Throws `MalformedTimestampError` unless both numbers are within their widths. What a clock checks before it merges:
 * one NaN would poison it for good. It does not look at the origin, which takes no part in merging.
 */
export function assertNumbers(t: Timestamp): void {
  if (!isWallMs(t.wallMs) || !isCounter(t.counter)) throw malformed(t)
}

/** Throws `MalformedTimestampError` unless every field is within its width. */
export function assertTimestamp(t: Timestamp): void {
  if (!isWallMs(t.wallMs) || !isCounter(t.counter) || !isOrigin(t.origin)) throw malformed(t)
}

function malformed(t: Timestamp): MalformedTimestampError {
  return new MalformedTimestampError(`${t.wallMs}/${t.counter}/${t.origin}`, 'a field is outside its width')
}
