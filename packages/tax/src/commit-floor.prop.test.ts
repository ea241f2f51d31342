import fc from 'fast-check'
import { expect, test } from 'vitest'

import { quorumRttMs } from './commit-floor.ts'

test('the quorum is the least over all majorities with the leader of their farthest member', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(300), { minLength: 0, maxLength: 6 }), (rtts) => {
      const voters = ['0', ...rtts.map((_, index) => String(index + 1))]
      const rtt = (a: string, b: string): number => (a === b ? 0 : (rtts[Number(a === '0' ? b : a) - 1] ?? NaN))
      const majority = Math.floor(voters.length / 2) + 1
      let least = Number.POSITIVE_INFINITY
      for (let set = 0; set < 2 ** rtts.length; set++) {
        const members = rtts.filter((_, index) => (set >> index) % 2 === 1)
        if (members.length + 1 >= majority) least = Math.min(least, Math.max(0, ...members))
      }
      expect(quorumRttMs('0', voters, rtt)).toBe(least)
    }),
  )
})
