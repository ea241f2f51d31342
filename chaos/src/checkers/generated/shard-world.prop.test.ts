import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatEvent, parseHistory } from '../../history/history-text.ts'
import { checkerNamed, judgeAll } from '../all-checkers.ts'
import { SHARD_CHECKERS } from '../shard-checkers.ts'
import { SHARD_MUTANTS } from './shard-mutants.ts'
import { play, shardSteps } from './shard-world.ts'

describe('histories of a shard in which everything is right', () => {
  it('are found right by every checker that has something to say', () => {
    const held = new Map<string, number>()
    fc.assert(
      fc.property(shardSteps, (steps) => {
        const history = play(steps)
        expect(parseHistory(history.map(formatEvent).join(''))).toEqual(history)
        for (const { name, verdict, why } of judgeAll(history, [...SHARD_CHECKERS, checkerNamed('one-leader')])) {
          // Nobody renews the leases of this world.
          if (name === 'lease-arithmetic') continue
          expect(verdict, `${name}: ${why}`).not.toBe('invalid')
          if (verdict === 'valid') held.set(name, (held.get(name) ?? 0) + 1)
        }
      }),
      { numRuns: 200 },
    )
    const judged = SHARD_CHECKERS.map(({ name }) => name).filter((name) => (held.get(name) ?? 0) > 20)
    expect(judged).toEqual(
      expect.arrayContaining([
        'lease-reads',
        'ratchet',
        'seals',
        'log-order',
        'door',
        'tokens',
        'registers',
        'registers-search',
        'no-loss',
        'at-most-once',
        'failed',
      ]),
    )
  })
})

describe('one thing gone wrong', () => {
  it.each(SHARD_MUTANTS)('$name: noticed by $caughtBy', ({ caughtBy, spoil }) => {
    fc.assert(
      fc.property(shardSteps, fc.nat(), (steps, pick) => {
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
