import type { Key, KeyRange } from '@meridian/topology'

/**
 * Starts of the ranges below the keys at which they are split or merged, each once, in key order.
 *
 * They are found in the same way before the change and after it: a start that is one of `at` may come of the change
 * itself and does not count. So the command with the same operation id is the same request when it is sent again.
 */
export function expectedStarts(ranges: readonly KeyRange[], at: readonly Key[]): Key[] {
  const bounds = new Set(at)
  const starts = ranges.map(({ start }) => start).filter((start) => !bounds.has(start))
  const below = at.map((key) => starts.findLast((start) => start < key))
  return [...new Set(below.filter((start) => start !== undefined))].toSorted((a, b) => (a < b ? -1 : 1))
}
