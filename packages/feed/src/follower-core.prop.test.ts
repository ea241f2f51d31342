import { seededRandom } from '@meridian/testkit'
import { START_POSITION } from '@meridian/topology'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { step } from './follower-core.ts'
import type { FollowerEvent, FollowerState } from './follower-state.ts'
import { simulate } from './follower-simulation.ts'
import type { SimulationOutcome, SimulationPlan } from './follower-simulation.ts'

const world = fc.record({
  seed: fc.nat(),
  lose: fc.constantFrom(0, 0.05, 0.3, 0.9),
  repeat: fc.constantFrom(0, 0.05, 0.3),
  delay: fc.constantFrom(0, 0.1, 0.5),
  snapshotFails: fc.constantFrom(0, 0.5),
  snapshotStale: fc.constantFrom(0, 0.5),
  commits: fc.integer({ min: 1, max: 60 }),
  publisherFaults: fc.boolean(),
})
type World = typeof world extends fc.Arbitrary<infer W> ? W : never

function run(rule: SimulationPlan['step'], { seed, ...plan }: World): SimulationOutcome {
  const random = seededRandom(seed)
  return simulate({ ...plan, random: () => random.next(), step: rule })
}

/** What a run must not show; '' when all is well. */
function verdict({ violations, converged }: SimulationOutcome): string {
  return violations[0] ?? (converged ? '' : 'F7: not converged')
}

describe('a follower on a faulty bus', () => {
  it('F1 to F7: positions rise, each state is the replay at its position, and it converges when the faults end', () => {
    fc.assert(
      fc.property(world, (given) => {
        const outcome = run(step, given)
        expect({ verdict: verdict(outcome), alarms: outcome.alarms, trace: outcome.trace.slice(-12) }).toMatchObject({
          verdict: '',
          alarms: 0,
        })
      }),
      { numRuns: 300 },
    )
  })
})

/** Each leaves out one clause of the rule; the checker has to find the world in which it matters. */
const WRONG: Record<string, { rule: SimulationPlan['step']; finds: RegExp }> = {
  'applies over a gap': {
    finds: /^F2/,
    rule: (state, event) => {
      if (state.kind !== 'following' || event.kind !== 'update') return step(state, event)
      const previous = state.position.revision
      if (event.update.previous <= previous || event.update.position.incarnation !== state.position.incarnation) {
        return step(state, event)
      }
      return step(state, { ...event, update: { ...event.update, previous } })
    },
  },
  'knows no beacons and no silence': {
    finds: /^F7/,
    rule: (state, event) => (event.kind === 'beacon' ? [state, []] : step(calm(state, event), event)),
  },
  'accepts an older snapshot': {
    finds: /^F3/,
    rule: (state, event) => step(state.kind === 'fetching' ? { ...state, floor: START_POSITION } : state, event),
  },
  'compares revisions without their incarnation': {
    finds: /^F/,
    rule: (state, event) => {
      if (state.kind !== 'following' || event.kind !== 'update') return step(state, event)
      const position = { ...event.update.position, incarnation: state.position.incarnation }
      return step(state, { ...event, update: { ...event.update, position } })
    },
  },
  'never gives up a held message': {
    finds: /^F7/,
    rule: (state, event) => {
      if (event.kind === 'beacon') return [state, []]
      if (state.kind !== 'following') return step(state, event)
      const held = state.held.map((queued) => ({ ...queued, sinceMs: event.nowMs }))
      return step(calm({ ...state, held }, event), event)
    },
  },
}

function calm(state: FollowerState, event: FollowerEvent): FollowerState {
  return { ...state, heardMs: event.nowMs }
}

describe('the checker finds a follower that', () => {
  for (const [name, { rule, finds }] of Object.entries(WRONG)) {
    it(name, () => {
      let found = ''
      const details = fc.check(
        fc.property(world, (given) => {
          const seen = verdict(run(rule, given))
          if (finds.test(seen)) found = seen
          return !finds.test(seen)
        }),
        { numRuns: 500, endOnFailure: true },
      )
      expect({ failed: details.failed, found }).toEqual({ failed: true, found: expect.stringMatching(finds) })
    })
  }
})
