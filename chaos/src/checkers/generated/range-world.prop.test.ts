import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkerNamed } from '../all-checkers.ts'
import { RANGE_MUTANTS } from './range-mutants.ts'
import { play, rangeSteps } from './range-world.ts'

const CHECKERS = ['one-owner', 'generations', 'subordination', 'one-leader', 'stamp-order', 'operations'] as const

describe('histories of ranges in which everything is right', () => {
  it.each(CHECKERS)('hold for %s', (name) => {
    let held = 0
    fc.assert(
      fc.property(rangeSteps, (steps) => {
        const { verdict, why } = checkerNamed(name).check(play(steps))
        expect(verdict, why).not.toBe('invalid')
        if (verdict === 'valid') held += 1
      }),
      { numRuns: 100 },
    )
    expect(held).toBeGreaterThan(50)
  })
})

describe('one thing gone wrong', () => {
  it.each(RANGE_MUTANTS)('$name: noticed by $caughtBy', ({ caughtBy, spoil }) => {
    fc.assert(
      fc.property(rangeSteps, fc.nat(), (steps, pick) => {
        const mutated = spoil(play(steps), pick)
        // Another history, until there is something to spoil.
        if (mutated === undefined) return fc.pre(false)
        for (const name of caughtBy) {
          const { verdict, why } = checkerNamed(name).check(mutated)
          expect(verdict, `${name}: ${why}`).toBe('invalid')
        }
      }),
      { numRuns: 25, maxSkipsPerRun: 500 },
    )
  })
})
