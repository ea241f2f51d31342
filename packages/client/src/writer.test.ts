import { ManualClock } from '@meridian/loop/testing'
import type { Route } from '@meridian/router'
import { EMPTY_KEY, keyOfText, keyspaceName, nodeId, parseShardId, rangeId, regionId, token } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { Reroutes } from './reroutes.ts'
import type { ShardCalls } from './shard-calls.ts'
import { Writer } from './writer.ts'

const K = keyspaceName('k')
const ROUTE: Route = {
  keyspace: K,
  shardId: parseShardId('1.0'),
  rangeId: rangeId(1),
  region: regionId('east'),
  leader: nodeId('n1'),
  address: 'n1:1',
  token: token(1, 1),
  start: EMPTY_KEY,
  end: EMPTY_KEY,
}
/** How long a node takes to answer, ms. */
const ANSWER_MS = 240

/** A node that refuses what it has the time to answer. */
function refusing(clock: ManualClock): { calls: Pick<ShardCalls, 'attempt'>; patiencesMs: number[] } {
  const patiencesMs: number[] = []
  const attempt: ShardCalls['attempt'] = async (_, __, ___, deadline) => {
    const leftMs = deadline.remainingMs
    patiencesMs.push(leftMs)
    await clock.sleep(Math.min(leftMs, ANSWER_MS))
    const answered = leftMs >= ANSWER_MS
    const code = answered ? 'NO_REGION_LEASE' : 'OUTCOME_UNKNOWN'
    return { ok: false, code, message: 'no', unknown: !answered }
  }
  return { calls: { attempt }, patiencesMs }
}

describe('a write that is refused until its deadline', () => {
  it.each([300, 1000, 1111, 5000, 30_000])(
    'within %i ms surely failed: its last attempt has time for an answer',
    async (timeoutMs) => {
      const clock = new ManualClock()
      const { calls, patiencesMs } = refusing(clock)
      let draws = 0
      const random = () => ((draws += 1) * 0.37) % 1
      const router = { route: () => ({ ok: true, route: ROUTE }) as const, subscribe: () => () => {} }
      const writer = new Writer(router, calls, new Reroutes(router, clock), 'c', clock, random, () => {})
      const written = writer.write(K, [{ key: keyOfText('a'), value: Buffer.from('1') }], { timeoutMs })
      let outcomes: Awaited<typeof written> | undefined
      void written.then((result) => (outcomes = result))
      while (outcomes === undefined && clock.nowMs() <= timeoutMs) await clock.advance(1)
      expect(outcomes).toMatchObject([{ status: 'failed', code: 'NO_REGION_LEASE' }])
      expect(patiencesMs.length).toBeGreaterThan(timeoutMs / 1500)
      // It was tried for as long as there was time for an answer.
      expect(patiencesMs.at(-1)).toBeLessThan(4 * ANSWER_MS)
    },
  )
})
