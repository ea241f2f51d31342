import {
  EMPTY_KEY,
  EVERY_KEY,
  formatKey,
  keyBytes,
  keyOfBytes,
  keyspaceName,
  MeridianError,
  parseKey,
} from '@meridian/topology'
import type { Key, KeyRange, KeyspaceName } from '@meridian/topology'

/** A key and the keyspace it is in, as people write it: `cities/FR/2988507`. */
export interface KeyPath {
  readonly keyspace: KeyspaceName
  readonly key: Key
}

/** The first `/` separates: what follows is the key, slashes and all, in the text form of `parseKey`. */
export function parseKeyPath(text: string): KeyPath {
  const slash = text.indexOf('/')
  if (slash < 0) {
    throw new MeridianError(
      'INVALID_ARGUMENT',
      `${JSON.stringify(text)} names no key: write KEYSPACE/KEY, such as cities/FR/2988507`,
    )
  }
  return { keyspace: keyspaceName(text.slice(0, slash)), key: parseKey(text.slice(slash + 1)) }
}

export function formatKeyPath({ keyspace, key }: KeyPath): string {
  return `${keyspace}/${formatKey(key)}`
}

/** The keys that begin with `prefix`. */
export function prefixRange(prefix: Key): KeyRange {
  const bytes = keyBytes(prefix)
  // The lowest key above all of them: the last byte that can rise does, and the rest goes.
  const last = bytes.findLastIndex((byte) => byte < 0xff)
  if (last < 0) return prefix === EMPTY_KEY ? EVERY_KEY : { start: prefix, end: EMPTY_KEY }
  const end = Uint8Array.from(bytes.subarray(0, last + 1))
  end[last] = (end[last] ?? 0) + 1
  return { start: prefix, end: keyOfBytes(end) }
}
