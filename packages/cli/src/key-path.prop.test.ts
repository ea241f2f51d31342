import fc from 'fast-check'
import { expect, test } from 'vitest'
import { keyOfBytes, rangeContains } from '@meridian/topology'
import { prefixRange } from './key-path.ts'

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
