import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { checkerNamed } from '../all-checkers.ts'
import { leasePlans, playLease } from './lease-world.ts'
import type { LeaseBug } from './lease-world.ts'

const CHECKERS = ['lease-reads', 'lease-arithmetic', 'takeovers'] as const

/** Which checker has to notice, whatever the clocks did. */
const BUGS: readonly (readonly [LeaseBug, string])[] = [
  ['from-receipt', 'lease-arithmetic'],
  ['unacknowledged', 'lease-arithmetic'],
  ['no-guard', 'lease-arithmetic'],
  ['short-wait', 'takeovers'],
  ['no-compare', 'takeovers'],
]

describe('leases on clocks within their bounds', () => {
  it.each(CHECKERS)('hold for %s', (name) => {
    fc.assert(
      fc.property(leasePlans, (plan) => {
        const { verdict, why } = checkerNamed(name).check(playLease(plan, 'none'))
        expect(verdict, why).toBe('valid')
      }),
      { numRuns: 100 },
    )
  })

  it.each(BUGS)('%s: noticed by %s', (bug, name) => {
    fc.assert(
      fc.property(leasePlans, (plan) => {
        // A counter that stood still all the while needs no compare.
        fc.pre(bug !== 'no-compare' || plan.delaysMs.length > 5)
        const { verdict, why } = checkerNamed(name).check(playLease(plan, bug))
        expect(verdict, why).toBe('invalid')
      }),
      { numRuns: 40 },
    )
  })

  it('on which a lease that counts from its receipt is read too long, sooner or later', () => {
    const verdicts = fc
      .sample(leasePlans, 300)
      .map((plan) => checkerNamed('lease-reads').check(playLease(plan, 'from-receipt')).verdict)
    expect(verdicts).toContain('invalid')
  })
})
