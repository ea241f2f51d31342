import { nodeEpoch, nodeId, regionId, zoneId } from '@meridian/topology'
import type { NodeRecord } from '@meridian/topology'
import { describe, expect, it } from 'vitest'
import {
  NODE_PHASES,
  NODE_SIGNALS,
  NODE_TRANSITIONS,
  observe,
  overdue,
  overdueInMs,
  signalled,
} from './node-liveness.ts'
import type { NodeWatches } from './node-liveness.ts'
import type { Renewals } from './renewals.ts'

const A = nodeId('a')

function record(life: number, status: NodeRecord['status'] = 'up'): NodeRecord {
  return {
    nodeId: A,
    region: regionId('eu'),
    zone: zoneId('z1'),
    address: 'a.test:7001',
    capacity: 100,
    nodeEpoch: nodeEpoch(life),
    status,
    duty: 'serving',
  }
}

function renewals(life: number, counter: bigint): Renewals {
  return { elect: 1n as Renewals['elect'], counts: new Map([[A, { nodeEpoch: nodeEpoch(life), counter }]]) }
}

const NONE: NodeWatches = new Map()

describe('node phases', () => {
  it('have a transition for every signal', () => {
    for (const phase of NODE_PHASES) {
      for (const signal of NODE_SIGNALS) expect(NODE_PHASES).toContain(NODE_TRANSITIONS[phase][signal])
    }
  })

  it('leave `down` only by a new registration', () => {
    const exits = NODE_SIGNALS.filter((signal) => NODE_TRANSITIONS.down[signal] !== 'down')
    expect(exits).toEqual(['rose'])
  })
})

describe('silence (R5)', () => {
  it('is counted from the look that first showed the counter', () => {
    let watches = observe(NONE, [record(1)], renewals(1, 5n), 100, true)
    watches = observe(watches, [record(1)], renewals(1, 5n), 600, false)
    expect(overdue(watches, 1099, 1000)).toEqual([])
    expect(overdue(watches, 1100, 1000)).toEqual([A])
    watches = observe(watches, [record(1)], renewals(1, 6n), 1100, false)
    expect(overdue(watches, 2099, 1000)).toEqual([])
  })

  it('tells when the next node will have been silent for too long', () => {
    let watches = observe(NONE, [record(1)], renewals(1, 5n), 100, true)
    expect(overdueInMs(watches, 100, 1000)).toBe(1000)
    expect(overdueInMs(watches, 1099, 1000)).toBe(1)
    // It is already: nothing will change by waiting.
    expect(overdueInMs(watches, 1100, 1000)).toBe(Infinity)
    watches = observe(watches, [record(1)], renewals(1, 6n), 900, false)
    expect(overdueInMs(watches, 1000, 1000)).toBe(900)
    expect(overdueInMs(signalled(watches, [A], 'overdue'), 1000, 1000)).toBe(Infinity)
    expect(overdueInMs(NONE, 0, 1000)).toBe(Infinity)
  })

  it('starts over when E was not seen to work', () => {
    const before = observe(NONE, [record(1)], renewals(1, 5n), 100, true)
    expect(overdue(observe(before, [record(1)], renewals(1, 5n), 1050, true), 1200, 1000)).toEqual([])
  })

  it('of one life is nothing to the next', () => {
    const before = observe(NONE, [record(1)], renewals(1, 5n), 100, true)
    const after = observe(before, [record(2)], renewals(1, 5n), 1050, false)
    expect(after.get(A)).toEqual({ phase: 'counting', nodeEpoch: 2n, counter: 0n, sinceMs: 1050 })
  })

  it('condemns once, until the transaction is answered', () => {
    const silent = observe(NONE, [record(1)], renewals(1, 5n), 0, true)
    const condemned = signalled(silent, overdue(silent, 1000, 1000), 'overdue')
    expect(overdue(condemned, 2000, 1000)).toEqual([])
    expect(overdue(signalled(condemned, [A], 'spared'), 2000, 1000)).toEqual([A])
    const down = observe(condemned, [record(2, 'down')], undefined, 2000, false)
    expect(down.get(A)?.phase).toBe('down')
    expect(overdue(down, 99_000, 1000)).toEqual([])
    expect(observe(down, [record(3)], undefined, 3000, false).get(A)).toMatchObject({
      phase: 'counting',
      sinceMs: 3000,
    })
  })
})
