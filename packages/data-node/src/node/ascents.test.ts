import { rangeId, shardId } from '@meridian/topology'
import type { ShardId } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import type { ShardRecord } from '../fence/shard-record.ts'
import { Ascents } from './ascents.ts'

const id = (ordinal: number): ShardId => shardId(rangeId(1), ordinal)
/** Of a record only the shard counts here. */
const record = (ordinal: number): ShardRecord => ({ shardId: id(ordinal) }) as ShardRecord
const bounds = { risingMax: 2, risingMsMax: 1000 }

describe('leaderships that a node is named to', () => {
  it('begin a few at a time, in the order in which they came', () => {
    const ascents = new Ascents(bounds)
    expect([1, 2, 3, 4, 5].map((each) => ascents.admit(record(each), 0))).toEqual([true, true, false, false, false])
    const rising = new Set([id(1), id(2)])
    const next = (nowMs: number) => {
      const begun = ascents.next(nowMs, (shard) => rising.has(shard)).map(({ shardId: each }) => each)
      for (const each of begun) rising.add(each)
      return begun
    }
    expect(next(10)).toEqual([])
    rising.delete(id(2))
    expect(next(20)).toEqual([id(3)])
    rising.clear()
    expect(next(30)).toEqual([id(4), id(5)])
    expect(ascents.waiting).toBe(0)
  })

  it('keep nobody waiting for ever: what hangs counts no more after a while', () => {
    const ascents = new Ascents(bounds)
    for (const each of [1, 2, 3]) ascents.admit(record(each), 0)
    expect(ascents.next(999, () => true)).toEqual([])
    expect(ascents.next(1000, () => true)).toEqual([record(3)])
  })

  it('wait with their newest record and in their old place, until they are withdrawn', () => {
    const ascents = new Ascents({ ...bounds, risingMax: 1 })
    for (const each of [1, 2, 3]) ascents.admit(record(each), 0)
    const newer = record(2)
    expect(ascents.admit(newer, 1)).toBe(false)
    const [first] = ascents.next(2, () => false)
    expect(first).toBe(newer)
    ascents.withdraw(id(3))
    expect(ascents.next(3, () => false)).toEqual([])
  })

  it('do not overtake who waits already', () => {
    const ascents = new Ascents({ ...bounds, risingMax: 1 })
    for (const each of [1, 2]) ascents.admit(record(each), 0)
    expect(ascents.admit(record(3), 2000)).toBe(false)
    expect(ascents.next(2000, () => false)).toEqual([record(2)])
  })
})
