import { toWireToken } from '@meridian/protocol'
import type { Route } from '@meridian/router'
import type { Channel } from '@meridian/rpc'
import { EMPTY_KEY, keyspaceName, nodeId, rangeId, regionId, shardId, token } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { ShardCalls } from './shard-calls.ts'

const sent: Route = {
  keyspace: keyspaceName('cities'),
  region: regionId('eu-west'),
  rangeId: rangeId(1),
  shardId: shardId(rangeId(1), 0),
  start: EMPTY_KEY,
  end: EMPTY_KEY,
  token: token(3, 8),
  leader: nodeId('eu-west-n1'),
  address: 'eu-west-n1.test:7001',
}

const channel: Channel = {
  address: sent.address,
  unary: () => Promise.reject(new Error('asked past the attempt')),
  stream: () => {
    throw new Error('asked past the attempt')
  },
  [Symbol.asyncDispose]: () => Promise.resolve(),
}

/** One attempt under `sent` that is refused with nothing that the map did not know, which by then has `now`. */
async function refusedWith(now: Route | undefined) {
  const router = {
    adopt: () => false,
    refresh: () => {},
    route: () =>
      now === undefined
        ? ({ ok: false, reason: 'leaderless', region: sent.region } as const)
        : ({ ok: true, route: now } as const),
  }
  const calls = new ShardCalls({ channel: () => channel }, router, () => {})
  const deadline = { remainingMs: 1000, signal: new AbortController().signal }
  const newest = {
    shardId: sent.shardId,
    keyspace: sent.keyspace,
    start: new Uint8Array(),
    end: new Uint8Array(),
    token: toWireToken(token(3, 9)),
    leader: undefined,
    replicas: [],
    prior: [],
    learners: [],
    freeze: '',
    region: sent.region,
  }
  return await calls.attempt(sent, 'write', 1, deadline, () =>
    Promise.resolve({ $case: 'refusal', value: { code: 'TOKEN_MISMATCH', message: 'behind', newest } } as never),
  )
}

describe('a refusal that teaches nothing new', () => {
  it('is tried again at once when the map has moved on since the request left', async () => {
    expect(await refusedWith({ ...sent, token: token(3, 9) })).toMatchObject({ ok: false, immediate: true })
    expect(await refusedWith({ ...sent, region: regionId('us-east'), token: token(4, 1) })).toMatchObject({
      immediate: true,
    })
  })

  it('is waited out while the map knows nothing better', async () => {
    expect(await refusedWith(sent)).toMatchObject({ ok: false, code: 'TOKEN_MISMATCH', immediate: false })
    expect(await refusedWith({ ...sent, token: token(3, 7) })).toMatchObject({ immediate: false })
    expect(await refusedWith(undefined)).toMatchObject({ immediate: false })
  })
})
