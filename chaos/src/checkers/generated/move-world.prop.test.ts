import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkerNamed } from '../all-checkers.ts'
import { movePlans, playMoves } from './move-world.ts'
import type { MoveBug } from './move-world.ts'

const CHECKERS = ['atomic-moves', 'aborted-moves', 'moves-end', 'freezes-end'] as const

const BUGS: readonly (readonly [MoveBug, string])[] = [
  ['copy-early', 'atomic-moves'],
  ['thaw-by-timer', 'atomic-moves'],
  ['serve-when-copied', 'atomic-moves'],
  ['thaw-first', 'aborted-moves'],
  ['blind-commit', 'aborted-moves'],
  ['forget-to-thaw', 'freezes-end'],
  ['forget-the-end', 'moves-end'],
]

describe('transfers in which everything is right', () => {
  it.each(CHECKERS)('hold for %s', (name) => {
    let held = 0
    fc.assert(
      fc.property(movePlans, (plan) => {
        const { verdict, why } = checkerNamed(name).check(playMoves(plan, 'none'))
        expect(verdict, why).not.toBe('invalid')
        if (verdict === 'valid') held += 1
      }),
      { numRuns: 100 },
    )
    expect(held).toBeGreaterThan(50)
  })

  it.each(BUGS)('%s: noticed by %s', (bug, name) => {
    fc.assert(
      fc.property(movePlans, (plan) => {
        const { verdict, why } = checkerNamed(name).check(playMoves(plan, bug))
        expect(verdict, why).toBe('invalid')
      }),
      { numRuns: 50 },
    )
  })
})
