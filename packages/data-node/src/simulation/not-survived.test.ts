import { describe, expect, it } from 'vitest'
import { check } from './checker.ts'
import { LEASE_WAIT_MS } from './lease-world.ts'
import { simulate } from './simulation.ts'
import type { SimulationOptions } from './simulation.ts'

/** The seeds are fixed: what is shown here must not depend on the day. */
const SEEDS = 40

/** Rules and checkers are whole; what is broken is what they assume of machines. */
describe('what is not survived (docs/not-survived.md)', () => {
  it('lease reads under clocks that stand still: stale ones are served; quorum reads and writes stay right', () => {
    const clocks = { waitMs: LEASE_WAIT_MS, clocksStandStill: true }
    const byLease = violations({ leases: clocks })
    expect(byLease.length).toBeGreaterThan(0)
    expect(byLease.filter((line) => !line.startsWith('I18 read'))).toEqual([])
    expect(violations({ leases: { ...clocks, leaseReads: 0 } })).toEqual([])
  }, 120_000)

  it('replicas that come back under their ids without their disks: promises are broken, acknowledged writes are lost', () => {
    const found = violations({ faults: { losesDisk: true }, survivesAssertions: true })
    expect(found.some((line) => line.startsWith('I13'))).toBe(true)
    expect(found.some((line) => line.startsWith('I19'))).toBe(true)
  }, 120_000)
})

function violations(options: SimulationOptions): string[] {
  return Array.from({ length: SEEDS }, (_, seed) => check(simulate(seed + 1, options).history)).flat()
}
