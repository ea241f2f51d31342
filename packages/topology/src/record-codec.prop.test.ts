import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyNode, anyRange, anyRegion } from './arbitraries.ts'
import { decodeNode, decodeRange, decodeRegion, encodeNode, encodeRange, encodeRegion } from './record-codec.ts'

test('every record comes back as it was, and has one spelling', () => {
  fc.assert(
    fc.property(anyRange, anyNode, anyRegion, (range, node, region) => {
      expect(decodeRange(encodeRange(range))).toEqual(range)
      expect(decodeNode(encodeNode(node))).toEqual(node)
      expect(decodeRegion(encodeRegion(region))).toEqual(region)
      expect(encodeRange(decodeRange(encodeRange(range)))).toEqual(encodeRange(range))
    }),
  )
})

test('a damaged record either does not decode or decodes to the very bytes it was read from', () => {
  fc.assert(
    fc.property(anyRange, fc.nat(), fc.integer({ min: 1, max: 255 }), (range, place, flip) => {
      const bytes = Uint8Array.from(encodeRange(range))
      const index = place % bytes.length
      bytes[index] = (bytes[index] ?? 0) ^ flip
      let decoded
      try {
        decoded = decodeRange(bytes)
      } catch (error) {
        expect(String(error)).toMatch(/stored range record does not decode/)
        return
      }
      expect(Buffer.from(encodeRange(decoded))).toEqual(Buffer.from(bytes))
    }),
  )
})
