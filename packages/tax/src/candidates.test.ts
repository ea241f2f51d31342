import { describe, expect, test } from 'vitest'

import { candidates, unknownRtts } from './candidates.ts'
import type { Objective, PlacementWorld, VoterHealth } from './candidates.ts'
import { awsWorld } from './fixtures/worlds.ts'
import { awsRttMs } from './fixtures/aws.ts'

const tenths = (value: number | undefined): number => Math.round((value ?? NaN) * 10) / 10
const costs = (world: PlacementWorld): (string | number)[][] =>
  candidates(world).map(({ region, costMs }) => [region, tenths(costMs)])

const MEAN: Objective = { kind: 'mean' }
const WORST: Objective = { kind: 'worst' }

describe('P9: equal weights', () => {
  test('three regions by mean', () => {
    expect(costs(awsWorld(3, undefined))).toEqual([
      ['eu-west', 156.2],
      ['us-east', 172.6],
      ['ap-southeast', 327.4],
    ])
  })

  test('five regions by mean', () => {
    expect(costs(awsWorld(5, undefined))).toEqual([
      ['us-east', 178.7],
      ['us-west', 193.6],
      ['ap-northeast', 207.8],
      ['eu-west', 245.1],
      ['ap-southeast', 295.1],
    ])
  })

  test('five regions by the farthest client', () => {
    expect(costs(awsWorld(5, undefined, { objective: WORST }))).toEqual([
      ['us-west', 263.6],
      ['ap-northeast', 305.3],
      ['us-east', 308.3],
      ['eu-west', 331.7],
      ['ap-southeast', 398.5],
    ])
  })

  test('regions that do not vote may ask', () => {
    const demand = { 'ap-northeast': 1 }
    expect(costs(awsWorld(3, undefined, { demand }))[0]).toEqual(['us-east', tenths(152.4 + 70.5)])
  })
})

test('P9: who has next to no demand is nobody’s worst case', () => {
  const demand = { 'us-east': 1000, 'eu-west': 1000, 'ap-southeast': 5 }
  expect(costs(awsWorld(3, undefined, { objective: WORST, demand }))[0]).toEqual(['eu-west', 141])
})

test('P9: a voter that does not answer counts for the majority, but has neither a vote nor clients', () => {
  const health: Record<string, VoterHealth> = { 'us-east': 'missing' }
  const world = awsWorld(3, undefined, { health, demand: { 'us-east': 100, 'eu-west': 1, 'ap-southeast': 1 } })
  expect(costs(world)).toEqual([
    ['ap-southeast', tenths(186.6 * 1.5)],
    ['eu-west', tenths(186.6 * 1.5)],
    ['us-east', NaN],
  ])
  expect(
    unknownRtts({ ...world, rtt: (a, b) => (`${a}${b}`.includes('us-east') ? undefined : awsRttMs(a, b)) }),
  ).toEqual([])
})

test('each health but one is an obstacle', () => {
  const health: Record<string, VoterHealth> = {
    'us-east': 'lagging',
    'eu-west': 'draining',
    'ap-southeast': 'suspect',
    'us-west': 'missing',
  }
  const found = candidates(awsWorld(5, undefined, { health, objective: MEAN }))
  expect(Object.fromEntries(found.map(({ region, obstacle }) => [region, obstacle]))).toEqual({
    'us-east': 'its log is behind',
    'eu-west': 'it is draining',
    'ap-southeast': 'it is suspected to be down',
    'us-west': 'it does not answer',
    'ap-northeast': '',
  })
})

test('unknown round trips leave the cost open and are named', () => {
  const rtt = (a: string, b: string): number | undefined =>
    [a, b].includes('us-east') && [a, b].includes('eu-west') ? undefined : awsRttMs(a, b)
  const world = awsWorld(3, 'us-east', { rtt })
  expect(candidates(world).find(({ region }) => region === 'eu-west')?.costMs).toBeUndefined()
  expect(unknownRtts(world)).toEqual(['eu-west - us-east'])
})
