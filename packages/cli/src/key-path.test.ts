import { expect, test } from 'vitest'
import { formatKeyPath, parseKeyPath } from './key-path.ts'

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
