import fc from 'fast-check'
import { expect, test } from 'vitest'
import { anyPage } from './arbitraries.ts'
import { decodePage, encodePage } from './page-codec.ts'

test('every page comes back as it was, in one spelling', () => {
  fc.assert(
    fc.property(anyPage, (page) => {
      const bytes = encodePage(page)
      expect(decodePage(bytes)).toEqual(page)
      expect(encodePage(decodePage(bytes))).toEqual(bytes)
    }),
    { numRuns: 300 },
  )
})

test('every damage of one byte, at every place, is found', () => {
  fc.assert(
    fc.property(anyPage, fc.integer({ min: 1, max: 255 }), (page, flip) => {
      const bytes = Uint8Array.from(encodePage(page))
      // A page with a long key has kilobytes; the places are then thinned out, ends included.
      const step = Math.max(1, Math.floor(bytes.length / 300))
      for (let back = 0; back < bytes.length; back += step) {
        for (const index of [back, bytes.length - 1 - back]) {
          const original = bytes[index] ?? 0
          bytes[index] = original ^ flip
          expect(() => decodePage(bytes)).toThrow(/stored page .* does not decode/)
          bytes[index] = original
        }
      }
    }),
    { numRuns: 30 },
  )
})

test('a page cut short or continued is found', () => {
  fc.assert(
    fc.property(anyPage, fc.nat(), fc.uint8Array({ minLength: 1, maxLength: 8 }), (page, place, more) => {
      const bytes = encodePage(page)
      expect(() => decodePage(bytes.subarray(0, place % bytes.length))).toThrow(/does not decode/)
      expect(() => decodePage(Buffer.concat([bytes, more]))).toThrow(/does not decode/)
    }),
  )
})
