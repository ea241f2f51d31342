import { expect, test } from 'vitest'
import { BREAKDOWN_PARTS, breakdownOf } from './breakdown.ts'
import { sampleResults } from './fixtures/sample-results.ts'
import { regionLosses, roundTrips } from './round-trips.ts'

const { run, lines } = sampleResults(3)
const trips = roundTrips(run)
const commits = lines.filter((line) => line.operation === 'global-commit')

test('parts add up to the median, and to more by what was clamped', () => {
  for (const cell of commits) {
    const breakdown = breakdownOf(cell, run.machine, run.regions, trips)
    if (breakdown === null) throw new Error('a sample without its four runs')
    const sum = BREAKDOWN_PARTS.reduce((total, part) => total + breakdown.partsMs[part], 0)
    const clamped = breakdown.clamped.reduce((total, each) => total + each.ms, 0)
    expect(sum + clamped).toBeCloseTo(breakdown.totalMs, 6)
    expect(Math.min(...Object.values(breakdown.partsMs))).toBeGreaterThanOrEqual(0)
  }
})

test('ours faster than raw is drawn as nothing and said', () => {
  const faster = commits.find((cell) => cell.leaderRegion === 'eu-west' && cell.clientRegion === 'us-east')
  const breakdown = faster === undefined ? null : breakdownOf(faster, run.machine, run.regions, trips)
  expect(breakdown?.partsMs.meridian).toBe(0)
  expect(breakdown?.clamped).toEqual([{ part: 'meridian', ms: expect.closeTo(-0.12, 6) }])
})

test('light is the floor over great circles: N. Virginia beside its leader, Dublin the majority', () => {
  const home = commits.find((cell) => cell.leaderRegion === 'us-east' && cell.clientRegion === 'us-east')
  const breakdown = home === undefined ? null : breakdownOf(home, run.machine, run.regions, trips)
  expect(breakdown?.partsMs.light).toBeCloseTo(53.5, 0)
  expect((breakdown?.partsMs.light ?? 0) + (breakdown?.partsMs.path ?? 0)).toBeCloseTo(70.5, 6)
})

test('without coordinates light stays in path; without a run there is no breakdown', () => {
  const regions = run.regions.map((region) => ({ ...region, latitude: null, longitude: null }))
  const [cell] = commits
  if (cell === undefined) throw new Error('no cell')
  const breakdown = breakdownOf(cell, run.machine, regions, roundTrips({ ...run, regions }))
  expect(breakdown?.partsMs.light).toBe(0)
  expect(breakdown?.partsMs.path).toBeCloseTo(70.5, 6)
  expect(breakdownOf({ ...cell, directP50Ms: null }, run.machine, run.regions, trips)).toBeNull()
})

test('a lost region moves the floor of the others by a farther voter', () => {
  const rtt = trips.nominal
  if (rtt === null) throw new Error('no round trips')
  const losses = regionLosses(['us-east', 'eu-west', 'ap-southeast'], rtt)
  // Dublin alone with Singapore: 186.6 for itself and twice that for the other.
  expect(losses[0]).toMatchObject({ lost: 'us-east', bestMeanMs: expect.closeTo(279.9, 6) })
  expect(losses[2]).toMatchObject({ lost: 'ap-southeast', bestMeanMs: expect.closeTo(105.75, 6) })
  expect(regionLosses(['us-east', 'eu-west'], rtt)).toEqual([])
})
