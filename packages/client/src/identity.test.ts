import { parseShardId, token } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { worthRetrying } from './retry.ts'
import { Sessions } from './session.ts'
import { TokenRatchet } from './token-ratchet.ts'

const [A, B] = [parseShardId('1.0'), parseShardId('2.0')]

describe('Sessions', () => {
  it('counts densely per shard, so that one shard sees no gaps of the others', () => {
    const sessions = new Sessions('c')
    const seen = [A, B, A, A, B].map((shard) => sessions.identify(shard))
    expect(seen.map(({ session, sequence }) => `${session}#${sequence}`)).toEqual([
      'c:1.0#1',
      'c:2.0#1',
      'c:1.0#2',
      'c:1.0#3',
      'c:2.0#2',
    ])
  })
})

describe('TokenRatchet', () => {
  it('refuses an answer from before one already seen, per shard (I17)', () => {
    const ratchet = new TokenRatchet()
    expect(ratchet.accept(A, token(1, 2))).toBe(true)
    expect(ratchet.accept(A, token(1, 2))).toBe(true)
    expect(ratchet.accept(B, token(1, 1))).toBe(true)
    expect(ratchet.accept(A, token(2, 1))).toBe(true)
    expect(ratchet.accept(A, token(1, 9))).toBe(false)
  })
})

describe('retry classes', () => {
  it.each([
    ['TOKEN_MISMATCH', true],
    ['NOT_SERVING', true],
    ['OUTCOME_UNKNOWN', true],
    // A planned transfer costs time and no request: what it refuses is sent again until the next owner takes it.
    ['RANGE_FROZEN', true],
    ['NOT_LEADER', true],
    ['NO_REGION_LEASE', true],
    ['NO_ROUTE', true],
    ['TOO_STALE', true],
    ['VALUE_TOO_LARGE', false],
    ['SESSION_EXPIRED', false],
  ] as const)('%s is worth another attempt: %s', (code, worth) => {
    expect(worthRetrying(code)).toBe(worth)
  })
})
