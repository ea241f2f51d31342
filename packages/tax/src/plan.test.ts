import { describe, expect, test } from 'vitest'

import { AWS_REGIONS, awsRttMs } from './fixtures/aws.ts'
import { bestVoterSets, planVoters } from './plan.ts'
import type { PlanWorld } from './plan.ts'

const NO_DEMAND: ReadonlyMap<string, number> = new Map()
const world = (count: number): PlanWorld => ({ regions: AWS_REGIONS.slice(0, count), rtt: awsRttMs, demand: NO_DEMAND })
const tenths = (value: number | undefined): number => Math.round((value ?? NaN) * 10) / 10

describe('voters', () => {
  test('three regions, all voting: leaders, quorums, means, worst cases, floors', () => {
    const { leaders } = planVoters({ ...world(3), voters: AWS_REGIONS.slice(0, 3) })
    expect(
      leaders.map(({ leader, quorumMs, meanMs, worstMs, clients }) => [
        leader,
        quorumMs,
        tenths(meanMs),
        tenths(worstMs),
        clients.map(({ floorMs }) => tenths(floorMs)),
      ]),
    ).toEqual([
      ['eu-west', 70.5, 156.2, 257.1, [141, 70.5, 257.1]],
      ['us-east', 70.5, 172.6, 306.3, [70.5, 141, 306.3]],
      ['ap-southeast', 186.6, 327.4, 422.4, [422.4, 373.2, 186.6]],
    ])
  })

  test('five regions: us-east by mean, us-west by worst', () => {
    const plan = planVoters({ ...world(5), voters: AWS_REGIONS })
    expect([plan.bestByMean?.leader, plan.bestByWorst?.leader]).toEqual(['us-east', 'us-west'])
    expect([tenths(plan.bestByMean?.meanMs), tenths(plan.bestByWorst?.worstMs)]).toEqual([178.7, 263.6])
  })

  test('three near voters for their own clients', () => {
    const voters = ['us-east', 'eu-west', 'us-west']
    const demand = new Map(voters.map((region) => [region, 1]))
    const plan = planVoters({ ...world(5), demand, voters })
    expect([plan.bestByMean?.leader, tenths(plan.bestByMean?.meanMs)]).toEqual(['us-east', 118.2])
    expect(plan.leaders.map(({ quorumMs }) => quorumMs)).toEqual([70.5, 70.5, 72.5])
  })

  test('with each voter down', () => {
    const { without } = planVoters({ ...world(3), voters: AWS_REGIONS.slice(0, 3) })
    expect(without.map(({ down, leaders }) => [down, leaders.map(({ quorumMs }) => quorumMs)])).toEqual([
      ['us-east', [186.6, 186.6]],
      ['eu-west', [235.8, 235.8]],
      ['ap-southeast', [70.5, 70.5]],
    ])
    expect(without[0]?.leaders[0]?.clients.map(({ region }) => region)).toEqual(['eu-west', 'ap-southeast'])
  })

  test('two voters stand still with one down', () => {
    const { without } = planVoters({ ...world(3), voters: ['us-east', 'eu-west'] })
    expect(without.map(({ leaders, bestByMean }) => [leaders, bestByMean])).toEqual([
      [[], undefined],
      [[], undefined],
    ])
  })

  test('demand weighs the clients', () => {
    const demand = new Map([
      ['us-east', 3],
      ['eu-west', 1],
    ])
    const plan = planVoters({ ...world(3), demand, voters: AWS_REGIONS.slice(0, 3) })
    expect([plan.bestByMean?.leader, tenths(plan.bestByMean?.meanMs)]).toEqual([
      'us-east',
      tenths((3 * 70.5 + 141) / 4),
    ])
  })

  test.each([
    ['none', [], 'voters are one or more'],
    ['one twice', ['us-east', 'us-east'], 'voters are one or more'],
    ['one that is no region', ['us-east', 'mars'], 'no such region as voter: mars'],
  ])('%s is refused', (_, voters, message) => {
    expect(() => planVoters({ ...world(3), voters })).toThrow(message)
  })

  test('demand of no region, or of less than nothing, is refused', () => {
    const voters = ['us-east']
    expect(() => planVoters({ ...world(3), voters, demand: new Map([['mars', 1]]) })).toThrow('as client: mars')
    expect(() => planVoters({ ...world(3), voters, demand: new Map([['us-east', -1]]) })).toThrow(
      'not a number from 0 up',
    )
  })
})

describe('sets of voters', () => {
  test('all sets, the best first', () => {
    const sets = bestVoterSets(world(5), 3)
    expect(sets).toHaveLength(10)
    const means = sets.map(({ bestByMean }) => bestByMean?.meanMs ?? NaN)
    expect(means).toEqual(means.toSorted((a, b) => a - b))
    for (const { voters, bestByMean } of sets) {
      expect(bestByMean).toEqual(planVoters({ ...world(5), voters }).bestByMean)
    }
    const [best] = sets
    expect(best?.voters).toEqual(['us-east', 'eu-west', 'us-west'])
    // The mean of its round trips to all five clients, and the 72.5 ms to us-east.
    expect([best?.bestByMean?.leader, tenths(best?.bestByMean?.meanMs)]).toEqual(['us-west', tenths(463.4 / 5 + 72.5)])
  })

  test('by the worst case', () => {
    const [best] = bestVoterSets(world(5), 3, 'worst')
    expect([best?.bestByWorst?.leader, tenths(best?.bestByWorst?.worstMs)]).toEqual(['us-west', tenths(162.7 + 72.5)])
  })

  test('bounds', () => {
    const regions = Array.from({ length: 10 }, (_, i) => `r${i}`)
    expect(() => bestVoterSets({ regions, rtt: () => 10, demand: NO_DEMAND }, 3)).toThrow('too many')
    expect(() => bestVoterSets(world(3), 4)).toThrow('can vote')
    expect(bestVoterSets({ regions: regions.slice(0, 9), rtt: () => 10, demand: NO_DEMAND }, 5)).toHaveLength(126)
  })
})
