import { describe, expect, test } from 'vitest'

import type { PlacementWorld, VoterHealth } from './candidates.ts'
import { awsRttMs } from './fixtures/aws.ts'
import { awsWorld } from './fixtures/worlds.ts'
import { initialPlacement, step } from './placement.ts'
import type { PlacementMove, PlacementOptions, PlacementState } from './placement.ts'

/** A placer that is shown a world each second, and whose moves succeed within it unless it is told otherwise. */
class Placer {
  state: PlacementState
  nowMs = 0
  readonly moves: string[] = []

  constructor(options: Partial<PlacementOptions> = {}) {
    this.state = initialPlacement(options)
  }

  see(world: PlacementWorld, seconds: number, answer: 'moved' | 'failed' | 'silent' = 'moved'): PlacementWorld {
    let now = world
    for (let second = 0; second < seconds; second++, this.nowMs += 1000) {
      for (const move of this.#step(now)) {
        this.moves.push(`${this.nowMs / 1000}: ${move.source} to ${move.target}`)
        if (answer === 'silent') continue
        if (answer === 'moved') now = { ...now, leader: move.target }
        ;[this.state] = step(this.state, { kind: 'ended', atMs: this.nowMs, moved: answer === 'moved' })
      }
    }
    return now
  }

  #step(world: PlacementWorld): readonly PlacementMove[] {
    const [state, moves] = step(this.state, { kind: 'observed', atMs: this.nowMs, world })
    this.state = state
    return moves
  }
}

// Three regions with equal weights: us-east costs 172.6 and eu-west 156.2, which is 9.5 % less.
const FROM_SINGAPORE = awsWorld(3, 'ap-southeast')

describe('P1 P2: by cost', () => {
  test('a leader that costs twice as much is left after the hold, for the best', () => {
    const placer = new Placer()
    placer.see(FROM_SINGAPORE, 600)
    expect(placer.moves).toEqual(['30: ap-southeast to eu-west'])
    expect(placer.state.decision).toBe('stay in eu-west')
    expect(placer.state.reason).toBe('eu-west is the cheapest at 156.2 ms')
    expect(placer.state.lastMove?.reason).toBe('eu-west would cost 156.2 ms instead of 327.4 ms')
  })

  test('less than 10 % is not worth a move', () => {
    const placer = new Placer()
    placer.see(awsWorld(3, 'us-east'), 600)
    expect(placer.moves).toEqual([])
    expect(placer.state.reason).toBe('eu-west would cost 156.2 ms instead of 172.6 ms, which saves less than 17.3 ms')
  })

  test('nor is less than 5 ms, be it half of the cost', () => {
    const near = (a: string, b: string): number => awsRttMs(a, b) / 40
    const placer = new Placer()
    placer.see(awsWorld(3, 'ap-southeast', { rtt: near }), 600)
    expect(placer.moves).toEqual([])
  })

  test.each([
    ['worst', 'us-east', '30: us-east to us-west'],
    ['mean', 'eu-west', '30: eu-west to us-east'],
  ] as const)('five regions by %s', (kind, leader, expected) => {
    const placer = new Placer()
    placer.see(awsWorld(5, leader, { objective: { kind } }), 600)
    expect(placer.moves).toEqual([expected])
  })

  test('a demand that lasts shorter than the hold moves nothing', () => {
    const placer = new Placer()
    for (let round = 0; round < 10; round++) {
      placer.see(awsWorld(3, 'us-east', { demand: { 'eu-west': 1 } }), 29)
      placer.see(awsWorld(3, 'us-east', { demand: { 'us-east': 1 } }), 1)
    }
    expect(placer.moves).toEqual([])
  })

  test('what was not watched has not held', () => {
    const placer = new Placer()
    placer.see(FROM_SINGAPORE, 25)
    placer.nowMs += 60_000
    placer.see(FROM_SINGAPORE, 25)
    expect(placer.moves).toEqual([])
    expect(placer.state.reason).toContain('it has to stay so, 6 s more')
  })

  test('what held as a place that is asked for has not held as a saving', () => {
    const placer = new Placer({ cooldownMs: 60_000 })
    const { leader } = placer.see(FROM_SINGAPORE, 40)
    placer.see(awsWorld(3, leader, { objective: { kind: 'fixed', region: 'us-east' } }), 50)
    placer.see(awsWorld(3, leader, { demand: { 'us-east': 1 } }), 60)
    expect(placer.moves).toEqual(['30: ap-southeast to eu-west', '120: eu-west to us-east'])
  })

  test('a leader that somebody else moved is judged anew', () => {
    const placer = new Placer()
    placer.see(FROM_SINGAPORE, 29)
    placer.see(awsWorld(3, 'us-east'), 1)
    placer.see(FROM_SINGAPORE, 30)
    expect(placer.moves).toEqual([])
    placer.see(FROM_SINGAPORE, 1)
    expect(placer.moves).toEqual(['60: ap-southeast to eu-west'])
  })
})

describe('P3: cool-down', () => {
  test('the next move by cost waits for it', () => {
    const placer = new Placer()
    const moved = placer.see(FROM_SINGAPORE, 60)
    placer.see({ ...moved, demand: new Map([['us-east', 1]]) }, 600)
    expect(placer.moves).toEqual(['30: ap-southeast to eu-west', '331: eu-west to us-east'])
  })

  test('a new placer keeps that of its predecessor when it knows of it', () => {
    const placer = new Placer()
    placer.state = initialPlacement({}, -100_000)
    placer.see(FROM_SINGAPORE, 600)
    expect(placer.moves).toEqual(['200: ap-southeast to eu-west'])
  })
})

test('P4: no move on round trips that are unknown or too old', () => {
  const rtt = (a: string, b: string): number | undefined =>
    [a, b].includes('us-east') && [a, b].includes('eu-west') ? undefined : awsRttMs(a, b)
  const placer = new Placer()
  placer.see({ ...FROM_SINGAPORE, rtt }, 600)
  expect(placer.moves).toEqual([])
  expect(placer.state.reason).toBe('round trips are unknown or too old: eu-west - us-east')
})

describe('P5: unsafe targets', () => {
  test.each(['lagging', 'draining', 'suspect', 'missing'] as const)('%s is refused, the next best is taken', (how) => {
    const placer = new Placer()
    placer.see({ ...FROM_SINGAPORE, voters: new Map([...FROM_SINGAPORE.voters, ['eu-west', how]]) }, 600)
    // With eu-west missing us-east is as far from its majority as ap-southeast: nothing is saved.
    expect(placer.moves).toEqual(how === 'missing' ? [] : ['30: ap-southeast to us-east'])
  })

  test.each(['lagging', 'draining', 'suspect', 'missing'] as const)('%s everywhere: no move', (how) => {
    const health: Record<string, VoterHealth> = { 'us-east': how, 'eu-west': how }
    for (const preferred of [{}, { preferred: 'eu-west' }]) {
      const placer = new Placer()
      placer.see(awsWorld(3, 'ap-southeast', { health, ...preferred }), 600)
      expect(placer.moves).toEqual([])
    }
  })

  test('a target that becomes unsafe during the hold starts anew', () => {
    const placer = new Placer()
    const demand = { 'eu-west': 1 }
    placer.see(awsWorld(3, 'us-east', { demand }), 29)
    placer.see(awsWorld(3, 'us-east', { demand, health: { 'eu-west': 'suspect' } }), 1)
    expect(placer.state.reason).toContain('but it is suspected to be down')
    placer.see(awsWorld(3, 'us-east', { demand }), 30)
    expect(placer.moves).toEqual([])
  })
})

describe('P6: attempts', () => {
  test('one that fails is tried again, later each time', () => {
    const placer = new Placer()
    placer.see(FROM_SINGAPORE, 200, 'failed')
    expect(placer.moves.map((move) => move.split(':')[0])).toEqual(['30', '40', '60', '100', '180'])
  })

  test('one that nobody reports counts as failed after its time', () => {
    const placer = new Placer()
    placer.see(FROM_SINGAPORE, 61, 'silent')
    expect(placer.moves).toEqual(['30: ap-southeast to eu-west'])
    expect(placer.state.decision).toBe('moving to eu-west')
    placer.see(FROM_SINGAPORE, 31, 'silent')
    expect(placer.state.failures).toBe(1)
    expect(placer.moves.slice(1)).toEqual(['91: ap-southeast to eu-west'])
  })

  test('one that succeeded unreported is seen, and rested from', () => {
    const placer = new Placer()
    placer.see(FROM_SINGAPORE, 32, 'silent')
    placer.see({ ...FROM_SINGAPORE, leader: 'eu-west', demand: new Map([['us-east', 1]]) }, 600)
    expect(placer.moves).toEqual(['30: ap-southeast to eu-west', '332: eu-west to us-east'])
  })

  test('a report without an attempt changes nothing', () => {
    const state = initialPlacement()
    expect(step(state, { kind: 'ended', atMs: 0, moved: true })).toEqual([state, []])
  })
})

describe('P7: a leader that drains', () => {
  const draining = (change: Parameters<typeof awsWorld>[2] = {}): PlacementWorld =>
    awsWorld(3, 'eu-west', { ...change, health: { 'eu-west': 'draining', ...change.health } })

  test('is left at once, for the cheapest', () => {
    const placer = new Placer()
    placer.see(draining(), 60)
    expect(placer.moves).toEqual(['0: eu-west to us-east'])
  })

  test('for the place that is asked for', () => {
    const placer = new Placer()
    placer.see(draining({ preferred: 'ap-southeast' }), 60)
    expect(placer.moves).toEqual(['0: eu-west to ap-southeast'])
  })

  test('during a cool-down', () => {
    const placer = new Placer()
    const moved = placer.see(FROM_SINGAPORE, 60)
    placer.see({ ...moved, voters: draining().voters }, 60)
    expect(placer.moves).toEqual(['30: ap-southeast to eu-west', '60: eu-west to us-east'])
  })

  test('on unknown round trips, for any that may lead', () => {
    const placer = new Placer()
    placer.see(draining({ rtt: () => undefined, health: { 'ap-southeast': 'lagging' } }), 60)
    expect(placer.moves).toEqual(['0: eu-west to us-east'])
  })

  test('not for nobody', () => {
    const placer = new Placer()
    placer.see(draining({ health: { 'us-east': 'lagging', 'ap-southeast': 'suspect' } }), 60)
    expect(placer.moves).toEqual([])
    expect(placer.state.reason).toBe(
      'eu-west is draining, but nobody may take over: us-east: its log is behind; ap-southeast: it is suspected to be down',
    )
  })
})

describe('P8: a place that is asked for', () => {
  test('is taken at once, whatever it costs and whatever the cool-down', () => {
    const placer = new Placer()
    const moved = placer.see(FROM_SINGAPORE, 60)
    placer.see({ ...moved, preferred: 'ap-southeast' }, 600)
    expect(placer.moves).toEqual(['30: ap-southeast to eu-west', '60: eu-west to ap-southeast'])
    expect(placer.state.reason).toBe('ap-southeast is asked for')
  })

  test('costs decide while it is unsafe, and when it is withdrawn', () => {
    const placer = new Placer()
    const health: Record<string, VoterHealth> = { 'us-east': 'lagging' }
    const moved = placer.see(awsWorld(3, 'ap-southeast', { health, preferred: 'us-east' }), 60)
    expect(placer.moves).toEqual(['30: ap-southeast to eu-west'])
    expect(placer.state.reason).toContain('us-east is asked for, but its log is behind')
    const there = placer.see({ ...moved, voters: FROM_SINGAPORE.voters }, 60)
    expect(there.leader).toBe('us-east')
    placer.see({ ...there, preferred: undefined, demand: new Map([['eu-west', 1]]) }, 600)
    expect(placer.moves.slice(1)).toEqual(['60: eu-west to us-east', '361: us-east to eu-west'])
  })

  test('one that does not vote is refused with its reason', () => {
    const placer = new Placer()
    placer.see(awsWorld(3, 'eu-west', { preferred: 'us-west' }), 60)
    expect(placer.moves).toEqual([])
    expect(placer.state.reason).toContain('us-west is asked for, but it is not a voter')
  })

  test('a fixed objective waits for the hold, and needs no round trips', () => {
    const placer = new Placer()
    placer.see(awsWorld(3, 'eu-west', { objective: { kind: 'fixed', region: 'us-east' }, rtt: () => undefined }), 60)
    expect(placer.moves).toEqual(['30: eu-west to us-east'])
  })
})

test.each([
  ['nobody leads', undefined, 'nobody is known to lead'],
  ['the leader does not vote', 'us-west', "the leader's region us-west is not among the voters"],
])('%s: wait', (_, leader, reason) => {
  const placer = new Placer()
  placer.see(awsWorld(3, leader), 60)
  expect([placer.moves, placer.state.decision, placer.state.reason]).toEqual([[], 'wait', reason])
})

test('a clock that goes backwards is a bug', () => {
  const [state] = step(initialPlacement(), { kind: 'observed', atMs: 5, world: FROM_SINGAPORE })
  expect(() => step(state, { kind: 'observed', atMs: 4, world: FROM_SINGAPORE })).toThrow('assertion')
})
