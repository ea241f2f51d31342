import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MapDigest, recordDigest } from './digest.ts'

const anyRecordKey = fc.constantFrom('/range/a/', '/range/a/61', '/range/b/', '/node/n')
const anyChange = fc.record({
  key: anyRecordKey,
  value: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }),
})

function rebuilt(records: Iterable<readonly [string, Uint8Array]>): string {
  const digest = new MapDigest()
  for (const [key, value] of records) digest.toggle(key, value)
  return digest.value
}

test('a digest kept up through changes equals one rebuilt in any order', () => {
  fc.assert(
    fc.property(fc.array(anyChange), (changes) => {
      const records = new Map<string, Uint8Array>()
      const digest = new MapDigest()
      for (const { key, value } of changes) {
        const old = records.get(key)
        if (old !== undefined) digest.toggle(key, old)
        if (value === undefined) {
          records.delete(key)
        } else {
          records.set(key, value)
          digest.toggle(key, value)
        }
      }
      expect(digest.value).toBe(rebuilt(records))
      expect(digest.value).toBe(rebuilt([...records].toReversed()))
    }),
  )
})

test('another key or value is another digest', () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), fc.string(), fc.string(), (a, b, key, other) => {
      fc.pre(!Buffer.from(a).equals(b) && key !== other)
      expect(recordDigest(key, a)).not.toBe(recordDigest(key, b))
      expect(recordDigest(key, a)).not.toBe(recordDigest(other, a))
    }),
  )
})

test('64 bits of the SHA-256 of key, zero byte and value', () => {
  expect(new MapDigest().value).toBe('0000000000000000')
  const sha = createHash('sha256')
    .update('/node/n')
    .update(Buffer.of(0, 1, 2))
    .digest('hex')
  expect(rebuilt([['/node/n', Uint8Array.of(1, 2)]])).toBe(sha.slice(0, 16))
})
