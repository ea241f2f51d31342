import { describe, expect, test } from 'vitest'

import { commitFloorMs, floorWithout, quorumRttMs, quorumWithoutMs } from './commit-floor.ts'
import { AWS_REGIONS, awsRttMs } from './fixtures/aws.ts'

/** Rows are leaders, columns clients, both in the order of the matrix; worked out by hand from the table of round trips. */
const WORLDS = [
  {
    regions: AWS_REGIONS.slice(0, 3),
    quorums: [70.5, 70.5, 186.6],
    floors: [
      [70.5, 141.0, 306.3],
      [141.0, 70.5, 257.1],
      [422.4, 373.2, 186.6],
    ],
  },
  {
    regions: AWS_REGIONS,
    quorums: [72.5, 127.3, 162.7, 100.9, 100.9],
    floors: [
      [72.5, 143.0, 308.3, 145.0, 224.9],
      [197.8, 127.3, 313.9, 254.6, 331.7],
      [398.5, 349.3, 162.7, 325.4, 239.7],
      [173.4, 228.2, 263.6, 100.9, 201.8],
      [253.3, 305.3, 177.9, 201.8, 100.9],
    ],
  },
]

describe.each(WORLDS)('$regions.length regions', ({ regions, quorums, floors }) => {
  test('quorum of every leader', () => {
    expect(regions.map((leader) => quorumRttMs(leader, regions, awsRttMs))).toEqual(quorums)
  })

  test('floor of every leader and client', () => {
    const computed = regions.map((leader) =>
      regions.map((client) => Number(commitFloorMs(client, leader, regions, awsRttMs).toFixed(1))),
    )
    expect(computed).toEqual(floors)
  })
})

test('losing a voter moves the quorum of the rest', () => {
  const rest = ['eu-west', 'ap-southeast']
  expect(quorumRttMs('eu-west', rest, awsRttMs)).toBe(186.6)
  expect(quorumRttMs('us-east', ['us-east', 'ap-southeast'], awsRttMs)).toBe(235.8)
})

test('a single voter needs nobody, and a leader that does not vote is a bug', () => {
  expect(quorumRttMs('us-east', ['us-east'], awsRttMs)).toBe(0)
  expect(() => quorumRttMs('us-west', ['us-east'], awsRttMs)).toThrow('assertion')
})

describe('with a voter down', () => {
  const three = AWS_REGIONS.slice(0, 3)

  test.each([
    ['us-east', 'eu-west', 186.6],
    ['eu-west', 'us-east', 235.8],
    ['ap-southeast', 'eu-west', 70.5],
  ])('three regions without %s: the quorum of %s', (down, leader, expected) => {
    expect(quorumWithoutMs([down], leader, three, awsRttMs)).toBe(expected)
  })

  test('five regions without us-east leave no quorum nearer than 100.9', () => {
    const rest = AWS_REGIONS.slice(1)
    const quorums = rest.map((leader) => quorumWithoutMs(['us-east'], leader, AWS_REGIONS, awsRttMs) ?? NaN)
    expect(Math.min(...quorums)).toBe(100.9)
  })

  test('the way to the leader is added', () => {
    expect(floorWithout(['us-east'], 'ap-southeast', 'eu-west', three, awsRttMs)).toBe(373.2)
  })

  test('nothing commits without a majority or by a leader that is down', () => {
    expect(quorumWithoutMs(['us-east', 'ap-southeast'], 'eu-west', three, awsRttMs)).toBeUndefined()
    expect(floorWithout(['eu-west'], 'us-east', 'eu-west', three, awsRttMs)).toBeUndefined()
  })

  test('who is down still counts: two of four are no majority', () => {
    const four = AWS_REGIONS.slice(0, 4)
    expect(quorumWithoutMs(['eu-west', 'us-west'], 'us-east', four, awsRttMs)).toBeUndefined()
    expect(quorumWithoutMs(['eu-west'], 'us-east', four, awsRttMs)).toBe(235.8)
  })
})
