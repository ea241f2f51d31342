import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyOfBytes, rangeContains } from '@meridian/topology'
import { formatKeyPath, parseKeyPath, prefixRange } from './key-path.ts'

test.each([
  ['cities/FR/2988507', 'cities', 'FR/2988507'],
  ['cities/', 'cities', ''],
  ['cities//a', 'cities', '/a'],
  ['cities/a\\x00b', 'cities', 'a\u0000b'],
  ['cities/a\\\\b', 'cities', 'a\\b'],
])('%s is keyspace %s, key %j', (text, keyspace, key) => {
  expect(parseKeyPath(text)).toEqual({ keyspace, key })
  expect(formatKeyPath(parseKeyPath(text))).toBe(text)
})

test.each([
  ['cities', 'INVALID_ARGUMENT', 'KEYSPACE/KEY'],
  ['Cities/a', 'INVALID_ARGUMENT', 'keyspace name'],
  ['/a', 'INVALID_ARGUMENT', 'keyspace name'],
  ['cities/a\\q', 'INVALID_ARGUMENT', 'bad escape'],
  [`cities/${'x'.repeat(1025)}`, 'KEY_TOO_LARGE', '1024'],
])('%s is refused with %s', (text, code, message) => {
  expect(() => parseKeyPath(text)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }))
})

test('a prefix range holds the keys that begin with the prefix and no others', () => {
  const bytes = fc.uint8Array({ maxLength: 4 })
  // Bytes at the edge make the carry happen.
  const edgy = fc.array(fc.constantFrom(0, 1, 0xfe, 0xff), { maxLength: 4 }).map((each) => Uint8Array.from(each))
  fc.assert(
    fc.property(fc.oneof(bytes, edgy), fc.oneof(bytes, edgy), (prefix, other) => {
      const start = keyOfBytes(prefix)
      const key = keyOfBytes(other)
      expect(rangeContains(prefixRange(start), key)).toBe(key.startsWith(start))
      const longer = keyOfBytes(Buffer.concat([prefix, other]))
      expect(rangeContains(prefixRange(start), longer)).toBe(true)
    }),
  )
})
