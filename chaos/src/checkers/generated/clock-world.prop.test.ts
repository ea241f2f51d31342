import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkerNamed } from '../all-checkers.ts'
import { clockSteps, playClocks } from './clock-world.ts'
import type { ClockBug } from './clock-world.ts'

const SEEDS_MAX = 2000

const BUGS: readonly (readonly [ClockBug, string])[] = [
  ['no-merge', 'causality'],
  ['no-bound', 'clock-sanity'],
  ['no-ceiling', 'clock-sanity'],
]

describe('hybrid clocks that are right', () => {
  it.each(['causality', 'clock-sanity'])('hold for %s, whatever wall clocks do', (name) => {
    let held = 0
    fc.assert(
      fc.property(clockSteps, (steps) => {
        const { verdict, why } = checkerNamed(name).check(playClocks(steps, 'none'))
        expect(verdict, why).not.toBe('invalid')
        if (verdict === 'valid') held += 1
      }),
      { numRuns: 200 },
    )
    expect(held).toBeGreaterThan(100)
  })

  it.each(BUGS)('%s: noticed by %s before long', (bug, name) => {
    const { check } = checkerNamed(name)
    const noticed = fc
      .sample(clockSteps, SEEDS_MAX)
      .findIndex((steps) => check(playClocks(steps, bug)).verdict === 'invalid')
    expect(noticed).toBeGreaterThanOrEqual(0)
  })
})
