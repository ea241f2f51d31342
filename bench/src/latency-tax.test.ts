import type { Clock } from '@meridian/loop'
import { describe, expect, it } from 'vitest'
import { measureLatencyTax } from './latency-tax.ts'
import type { TaxClient } from './latency-tax.ts'
import { leaderPlaces, taxRatio } from './tax-summary.ts'

/** Three regions on a line: a, b at 10 and c at 30. Every commit takes its floor, ours 2 ms more. */
const AT: Readonly<Record<string, number>> = { a: 0, b: 10, c: 30 }
const rtt = (x: string, y: string) => Math.abs((AT[x] ?? 0) - (AT[y] ?? 0))
const quorum = (leader: string) => Math.min(...['a', 'b', 'c'].filter((x) => x !== leader).map((x) => rtt(leader, x)))
const floorMs = (client: string, leader: string) => rtt(client, leader) + quorum(leader)

function world() {
  let nowMs = 0
  let leader = 'a'
  const calls: string[] = []
  const clock: Clock = { nowMs: () => nowMs, sleep: () => Promise.resolve() }
  const clientIn = (region: string): TaxClient => ({
    region,
    operate: () => {
      calls.push(`${leader} ${region} ours`)
      nowMs += floorMs(region, leader) + 2
      return Promise.resolve()
    },
    commitRaw: () => {
      calls.push(`${leader} ${region} raw`)
      nowMs += floorMs(region, leader)
      return Promise.resolve()
    },
  })
  const moveLeader = (region: string) => {
    leader = region
    nowMs += 250
    return Promise.resolve(250)
  }
  return { clock, calls, moveLeader, clients: ['a', 'b', 'c'].map(clientIn) }
}

describe('the latency tax', () => {
  it('is measured for each client at each place of the leader, after one operation that does not count', async () => {
    const { clock, calls, moveLeader, clients } = world()
    const signal = new AbortController().signal
    const tax = await measureLatencyTax({
      clients,
      leaders: ['b', 'c'],
      moveLeader,
      floorMs,
      samples: 4,
      clock,
      signal,
    })
    expect(tax.moves).toEqual([
      { leader: 'b', tookMs: 250 },
      { leader: 'c', tookMs: 250 },
    ])
    expect(
      tax.cells.map((cell) => [cell.leader, cell.client, cell.floorMs, cell.operationMs.p50, cell.rawMs.p50]),
    ).toEqual([
      ['b', 'a', 20, 22, 20],
      ['b', 'b', 10, 12, 10],
      ['b', 'c', 30, 32, 30],
      ['c', 'a', 50, 52, 50],
      ['c', 'b', 40, 42, 40],
      ['c', 'c', 20, 22, 20],
    ])
    expect(tax.cells.every((cell) => cell.operationMs.count === 4)).toBe(true)
    expect(calls.slice(0, 4)).toEqual(['b a ours', 'b a raw', 'b a ours', 'b a raw'])
    expect(calls).toHaveLength(2 * 3 * (4 + 1) * 2)
  })

  it('ranks the places of the leader by what they cost everybody', async () => {
    const { clock, moveLeader, clients } = world()
    const signal = new AbortController().signal
    const { cells } = await measureLatencyTax({
      clients,
      leaders: ['a', 'c', 'b'],
      moveLeader,
      floorMs,
      samples: 1,
      clock,
      signal,
    })
    const places = leaderPlaces(cells)
    expect(places.map((place) => place.leader)).toEqual(['b', 'a', 'c'])
    expect(places[0]).toEqual({ leader: 'b', meanFloorMs: 20, meanOperationMs: 22, worstOperationMs: 32 })
    expect(cells.map(taxRatio).every((ratio) => ratio > 1)).toBe(true)
  })

  it('stops at an abort before the leader is moved again', async () => {
    const { clock, calls, moveLeader, clients } = world()
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(
      measureLatencyTax({ clients, leaders: ['b'], moveLeader, floorMs, samples: 1, clock, signal }),
    ).rejects.toThrow('enough')
    expect(calls).toEqual([])
  })
})
