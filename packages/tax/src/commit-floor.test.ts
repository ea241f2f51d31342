import { describe, expect, test } from 'vitest'

import { commitFloorMs, quorumRttMs } from './commit-floor.ts'
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
