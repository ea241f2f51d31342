import { EMPTY_KEY, keyspaceName, nodeEpoch, nodeId, rangeId, regionId, shardId, token } from '@meridian/topology'
import type { Token } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import { ShardFence } from './shard-fence.ts'
import type { ShardRecord } from './shard-record.ts'

const range = rangeId(1)
const shard = shardId(range, 0)

function recordOf(value: Token): ShardRecord {
  return {
    shardId: shard,
    rangeId: range,
    keyspace: keyspaceName('cities'),
    start: EMPTY_KEY,
    end: EMPTY_KEY,
    token: value,
    region: regionId('eu-west'),
    leader: { nodeId: nodeId('n1'), address: 'n1:1', nodeEpoch: nodeEpoch(1) },
    replicas: [],
    prior: undefined,
    role: 'owner',
    freeze: undefined,
    learners: [],
  }
}

function world(promised: Token = token(0, 0)) {
  const disk: Token[] = []
  const saves: (() => void)[] = []
  const store = {
    save: (_shard: unknown, value: Token) =>
      new Promise<void>((resolve) => {
        saves.push(() => {
          disk.push(value)
          resolve()
        })
      }),
  }
  const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
  const flush = async (): Promise<void> => {
    for (await turn(); saves.length > 0; await turn()) saves.shift()?.()
  }
  return { fence: new ShardFence(shard, promised, store), disk, flush, turn, pending: saves }
}

describe('the fence of a shard', () => {
  it('answers a promise only when the store has it, refuses lower, keeps equal', async () => {
    const { fence, disk, flush, turn } = world()
    let answered = false
    const first = fence.promise(token(1, 1)).then((outcome) => {
      answered = true
      return outcome
    })
    await turn()
    expect(answered).toBe(false)
    await flush()
    expect(await first).toEqual({ sealed: true, promised: token(1, 1) })
    expect(await fence.promise(token(1, 1))).toEqual({ sealed: true, promised: token(1, 1) })
    expect(await fence.promise(token(0, 9))).toEqual({ sealed: false, promised: token(1, 1) })
    expect(disk).toEqual([token(1, 1)])
  })

  it('never answers a token above which it has promised meanwhile', async () => {
    const { fence, disk, flush } = world()
    const both = [fence.promise(token(1, 1)), fence.promise(token(1, 2)), fence.promise(token(1, 1))]
    await flush()
    expect((await Promise.all(both)).map((outcome) => outcome.sealed)).toEqual([true, true, false])
    expect(disk).toEqual([token(1, 1), token(1, 2)])
  })

  it('keeps its promise over a restart', async () => {
    const { fence } = world(token(3, 1))
    expect(await fence.promise(token(2, 7))).toEqual({ sealed: false, promised: token(3, 1) })
  })

  it('serves only what it sealed, and stops when a higher promise is made', async () => {
    const { fence, flush } = world()
    expect(fence.checkRequest(token(1, 1))).toMatchObject({ admitted: false, refusal: { code: 'SHARD_UNKNOWN' } })
    expect(fence.adopt(recordOf(token(1, 1)), 'sealing')).toBe(true)
    expect(fence.adopt(recordOf(token(1, 1)), 'follower')).toBe(false)
    expect(() => fence.serve(token(1, 1))).toThrow('I14')
    const sealed = fence.promise(token(1, 1))
    await flush()
    await sealed
    expect([fence.serve(token(1, 1)), fence.role]).toEqual([true, 'serving'])
    expect(fence.checkRequest(token(1, 1))).toEqual({ admitted: true })
    const higher = fence.promise(token(1, 2))
    // At once, and not only when the promise is durable: stopping early is always safe.
    expect(fence.role).toBe('follower')
    await flush()
    await higher
    expect(fence.serve(token(1, 1))).toBe(false)
  })
})
