import { EMPTY_KEY, keyOfText, keyspaceName, rangesOverlap } from '@meridian/topology'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { IntervalIndex } from './interval-index.ts'
import type { Interval } from './interval-index.ts'

const key = fc.constantFrom('', 'a', 'b', 'c', 'd', 'e', 'f').map(keyOfText)
const interval = fc
  .record({ keyspace: fc.constantFrom('x', 'y').map(keyspaceName), start: key, end: key })
  .filter(({ start, end }) => end === EMPTY_KEY || start < end)
const meets = (a: Interval, b: Interval): boolean => a.keyspace === b.keyspace && rangesOverlap(a, b)

it('finds the intervals that a look at each of them finds, in order of their starts', () => {
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 12 }), interval, (items, asked) => {
      const found = new IntervalIndex(items).overlapping(asked)
      expect(new Set(found)).toEqual(new Set(items.filter((item) => meets(item, asked))))
      expect(found).toHaveLength(items.filter((item) => meets(item, asked)).length)
      expect(found.map(({ start }) => start)).toEqual(found.map(({ start }) => start).toSorted())
    }),
  )
})

it('groups so that nobody meets a member of another group, and no group could be cut', () => {
  fc.assert(
    fc.property(fc.array(interval, { maxLength: 12 }), (items) => {
      const clusters = [...new IntervalIndex(items).clusters()]
      expect(clusters.flat()).toHaveLength(items.length)
      for (const cluster of clusters) {
        for (const other of clusters) {
          if (other !== cluster) expect(cluster.some((a) => other.some((b) => meets(a, b)))).toBe(false)
        }
        for (const [place, item] of cluster.entries()) {
          if (place > 0) expect(cluster.slice(0, place).some((before) => meets(before, item))).toBe(true)
        }
      }
    }),
  )
})
