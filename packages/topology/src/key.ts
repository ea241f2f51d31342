import { MeridianError } from './errors.ts'

/**
 * A key: a string of bytes, held as a JavaScript string with one character (0-255) per byte.
 *
 * So comparison is the language's `<` and equals comparison of bytes, keys are immutable and can be map keys, and no
 * allocation happens on a lookup. Never build one by a cast: `keyOfText`, `keyOfBytes` and `parseKey` are the doors.
 */
export type Key = string & { readonly __brand: 'Key' }

/** Largest key, bytes. */
export const KEY_BYTES_MAX = 1024

/** The lowest key, and, as the end of an interval, "unbounded". */
export const EMPTY_KEY = '' as Key

/** The key of the UTF-8 bytes of `text`. */
export function keyOfText(text: string): Key {
  return keyOfBytes(Buffer.from(text, 'utf8'))
}

/** @throws MeridianError KEY_TOO_LARGE beyond KEY_BYTES_MAX */
export function keyOfBytes(bytes: Uint8Array): Key {
  if (bytes.length > KEY_BYTES_MAX) {
    throw new MeridianError('KEY_TOO_LARGE', `a key has at most ${KEY_BYTES_MAX} bytes, this one has ${bytes.length}`)
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1') as Key
}

export function keyBytes(key: Key): Uint8Array {
  return Buffer.from(key, 'latin1')
}

/** For people: printable ASCII as it is, `\` doubled, every other byte as `\xNN`. `parseKey` reads it back. */
export function formatKey(key: Key): string {
  return key.replace(/[^\x20-\x7e]|\\/g, (char) =>
    char === '\\' ? '\\\\' : `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}

/** Reads what a person typed: `\xNN` and `\\` are escapes, everything else is its UTF-8 bytes. */
export function parseKey(text: string): Key {
  const bytes: Buffer[] = []
  for (const part of text.split(/(\\x[0-9a-fA-F]{2}|\\\\)/)) {
    if (part === '\\\\') bytes.push(Buffer.from('\\'))
    else if (/^\\x[0-9a-fA-F]{2}$/.test(part)) bytes.push(Buffer.from([Number.parseInt(part.slice(2), 16)]))
    else if (part.includes('\\'))
      throw new MeridianError('INVALID_ARGUMENT', `bad escape in key ${JSON.stringify(text)}: use \\xNN or \\\\`)
    else bytes.push(Buffer.from(part, 'utf8'))
  }
  return keyOfBytes(Buffer.concat(bytes))
}

/** A half-open interval of keys: `start` included, `end` excluded, an empty `end` means unbounded. */
export interface KeyRange {
  readonly start: Key
  readonly end: Key
}

export const EVERY_KEY: KeyRange = { start: EMPTY_KEY, end: EMPTY_KEY }

export function rangeIsEmpty(range: KeyRange): boolean {
  return range.end !== EMPTY_KEY && range.start >= range.end
}

export function rangeContains(range: KeyRange, key: Key): boolean {
  return key >= range.start && (range.end === EMPTY_KEY || key < range.end)
}

/** Order of interval ends, where the empty key is above all others. */
export function compareEnds(a: Key, b: Key): number {
  if (a === b) return 0
  if (a === EMPTY_KEY) return 1
  if (b === EMPTY_KEY) return -1
  return a < b ? -1 : 1
}

export function rangesOverlap(a: KeyRange, b: KeyRange): boolean {
  return (b.end === EMPTY_KEY || a.start < b.end) && (a.end === EMPTY_KEY || b.start < a.end)
}

export function formatKeyRange(range: KeyRange): string {
  return `[${formatKey(range.start)}, ${range.end === EMPTY_KEY ? '∞' : formatKey(range.end)})`
}
