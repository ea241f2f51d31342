import { generation, rangeId } from '@meridian/topology'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LeaseClock, RegionLeases } from './lease-clock.ts'

const D = 0.01
const E_MS = 250
const L_MS = 6000
/** What a grantor waits before it gives the lease to somebody else. */
const W_MS = (L_MS * (1 + D)) / (1 - D) + E_MS

/** A clock that runs at `rate` of real time from an arbitrary origin. */
const clockOf = (rate: number, originMs: number) => (realMs: number) => originMs + realMs * rate

const rate = fc.double({ min: 1 - D, max: 1 + D, noNaN: true })
const world = fc.record({
  holderRate: rate,
  grantorRate: rate,
  holderOrigin: fc.double({ min: 0, max: 1e9, noNaN: true }),
  sentMs: fc.double({ min: 0, max: 1e7, noNaN: true }),
  /** Of the question, and of the answer: a late answer must not lengthen the lease. */
  thereMs: fc.double({ min: 0, max: 20_000, noNaN: true }),
  backMs: fc.double({ min: 0, max: 20_000, noNaN: true }),
  afterMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
})

function overlaps(
  sample: typeof world extends fc.Arbitrary<infer T> ? T : never,
  waitMs: number,
  fromReceipt: boolean,
): boolean {
  const holder = clockOf(sample.holderRate, sample.holderOrigin)
  const lease = new LeaseClock()
  const decided = sample.sentMs + sample.thereMs
  lease.granted(holder(fromReceipt ? decided + sample.backMs : sample.sentMs), L_MS)
  // The grantor first sees the renewal when it is committed, and then waits by its own clock.
  const taken = decided + waitMs / sample.grantorRate
  return lease.check(holder(taken + sample.afterMs))
}

describe('lease arithmetic under clocks whose rates differ by up to d', () => {
  it('never holds when the grantor has waited W', () => {
    fc.assert(fc.property(world, (sample) => !overlaps(sample, W_MS, false)))
  })

  it('would hold without the margin, or counted from the receipt', () => {
    const worst = {
      holderRate: 1 - D,
      grantorRate: 1 + D,
      holderOrigin: 0,
      sentMs: 0,
      thereMs: 0,
      backMs: 5000,
      afterMs: 0,
    }
    expect(overlaps(worst, L_MS, false)).toBe(true)
    expect(overlaps(worst, W_MS, true)).toBe(true)
  })

  it('nested: what a node was told remains ends before the region can be taken over', () => {
    fc.assert(
      fc.property(world, rate, fc.double({ min: 0, max: L_MS, noNaN: true }), (sample, nodeRate, askedAfterMs) => {
        const region = clockOf(sample.holderRate, 0)
        const node = clockOf(nodeRate, sample.holderOrigin)
        const deadline = region(sample.sentMs) + L_MS
        const answered = sample.sentMs + askedAfterMs + sample.thereMs
        const remaining = deadline - region(answered)
        const leases = new RegionLeases()
        const pair = { rangeId: rangeId(1), generation: generation(1) }
        leases.confirmed(node(answered - sample.thereMs), remaining, [pair])
        const taken = sample.sentMs + W_MS / sample.grantorRate
        return !leases.check(pair, node(Math.max(taken, answered) + sample.afterMs))
      }),
    )
  })
})

describe('grants', () => {
  it('stand by themselves: a shorter or late one takes nothing away, nothing is granted for nothing', () => {
    const lease = new LeaseClock()
    expect(lease.check(0)).toBe(false)
    lease.granted(1000, 500)
    lease.granted(900, 100)
    lease.granted(2000, 0)
    expect([lease.check(1499), lease.check(1500), lease.check(1400, 100), lease.check(1399, 100)]).toEqual([
      true,
      false,
      false,
      true,
    ])
    lease.drop()
    expect(lease.check(1000)).toBe(false)
  })

  it('extend the confirmed pairs only', () => {
    const leases = new RegionLeases()
    const pair = (range: number, gen: number) => ({ rangeId: rangeId(range), generation: generation(gen) })
    leases.confirmed(0, 1000, [pair(1, 1), pair(2, 1)])
    leases.confirmed(900, 1000, [pair(2, 1)])
    expect([
      leases.check(pair(1, 1), 999),
      leases.check(pair(1, 1), 1000),
      leases.check(pair(2, 1), 1899),
      leases.check(pair(2, 2), 950),
    ]).toEqual([true, false, true, false])
  })
})
