import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeSlots, encodeSlot, SLOT_BYTES, SLOTS } from './ceiling-slots.ts'
import { WALL_MS_MAX } from './timestamp.ts'

const fileOf = (...ceilings: number[]): Buffer => Buffer.concat(ceilings.map(encodeSlot))
const wallMs = fc.oneof(fc.constantFrom(0, 1, WALL_MS_MAX), fc.integer({ min: 0, max: WALL_MS_MAX }))

test.each([
  { ceilings: [7, 0], ceilingMs: 7, next: 1 },
  { ceilings: [7, 9], ceilingMs: 9, next: 0 },
  { ceilings: [9, 9], ceilingMs: 9, next: 0 },
  { ceilings: [WALL_MS_MAX, 0], ceilingMs: WALL_MS_MAX, next: 1 },
])('of $ceilings the greater counts, and the other is written next', ({ ceilings, ceilingMs, next }) => {
  expect(decodeSlots(fileOf(...ceilings))).toEqual({ ceilingMs, next })
})

test('a slot that is not whole is written next, and without a whole one there is no ceiling', () => {
  const file = fileOf(9, 7)
  file.fill(0, 0, 20)
  expect(decodeSlots(file)).toEqual({ ceilingMs: 7, next: 0 })
  file.fill(0, SLOT_BYTES, SLOT_BYTES + 20)
  expect(decodeSlots(file)).toBeUndefined()
  expect(decodeSlots(Buffer.alloc(0))).toBeUndefined()
})

test('a save that is cut off at any byte leaves the ceiling as it was or raises it to what was saved', () => {
  fc.assert(
    fc.property(
      fc.array(wallMs, { minLength: 1, maxLength: 8 }),
      fc.integer({ min: 0, max: SLOT_BYTES }),
      fc.integer({ min: 0, max: SLOT_BYTES }),
      (values, from, to) => {
        const [first = 0, ...rising] = values.toSorted((a, b) => a - b)
        const file = fileOf(first, 0)
        let durableMs = first
        for (const [index, ceilingMs] of rising.entries()) {
          const slots = decodeSlots(file)
          expect(slots?.ceilingMs).toBe(durableMs)
          const at = (slots?.next ?? 0) * SLOT_BYTES
          const slot = encodeSlot(ceilingMs)
          if (index === rising.length - 1) {
            // Any part of it, since a disk may write the sectors and their halves in any order.
            file.set(slot.subarray(Math.min(from, to), Math.max(from, to)), at + Math.min(from, to))
            expect([durableMs, ceilingMs]).toContain(decodeSlots(file)?.ceilingMs)
          } else {
            file.set(slot, at)
            durableMs = ceilingMs
          }
        }
        expect(file.length).toBe(SLOTS * SLOT_BYTES)
      },
    ),
    { numRuns: 1000 },
  )
})

test('a digit that changed is noticed', () => {
  fc.assert(
    fc.property(wallMs, fc.nat({ max: 14 }), fc.nat({ max: 9 }), (ceilingMs, place, digit) => {
      const file = fileOf(ceilingMs, 0)
      const at = 'hlc-ceiling '.length + place
      const changed = digit + '0'.charCodeAt(0)
      fc.pre(file[at] !== changed)
      file[at] = changed
      expect(decodeSlots(file)?.ceilingMs).toBe(0)
    }),
  )
})
